"""The native core of the engine: one extension module a concept, flat.

Native code here validates, owns the memory and guards the hot path; everything above it is ergonomics.
The core imports no Python module of ours from outside of it; `store`, a journal's directory, is Python inside. Each
module's `.pyi` is its typed face, its `.pxd` in `cext/` the interface for the other native modules.
"""
