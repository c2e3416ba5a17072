/* Where GM_FACE_SMALL is defined (CMakeLists.txt), a module's face, what Cython makes, is compiled small (-Os), and what it includes from here to
 * native_end.h for speed: the bodies of the order path are in headers. Everywhere else this is nothing. */
#ifndef GM_NATIVE_BEGIN_H
#define GM_NATIVE_BEGIN_H
#if defined(GM_FACE_SMALL) && defined(__OPTIMIZE_SIZE__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#define GM_NATIVE_PUSHED
#endif
#endif
