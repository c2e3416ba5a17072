"""What OpenAPI cannot know by itself: an order's keys. And the page that shows the routes, without a script."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from .._core.values import ORDER_TYPE_CODES, TIME_IN_FORCE_CODES

_TEXT = {"type": "string"}
_PRICE = {"oneOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}
_COUNT = {"type": "integer", "minimum": 1}
_FLAG = {"type": "boolean"}
ORDER = {
    "type": "object",
    "required": ["symbol", "side", "quantity", "order_type"],
    "properties": {
        "symbol": _TEXT,
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "quantity": _COUNT,
        "order_type": {"type": "string", "enum": sorted(ORDER_TYPE_CODES)},
        "limit_price": _PRICE,
        "stop_price": _PRICE,
        "time_in_force": {"type": "string", "enum": list(TIME_IN_FORCE_CODES)},
        "display_quantity": _COUNT,
        "venue": _TEXT,
        "strategy": _TEXT,
        "account": {"type": "integer", "minimum": 0},
        "client_order_id": {"type": "string", "maxLength": 36},
        "post_only": _FLAG,
        "reduce_only": _FLAG,
        "hidden": _FLAG,
        "algorithm": {"type": "object", "properties": {"algorithm": _TEXT}, "required": ["algorithm"]},
    },
}
ORDER_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": ORDER,
            "example": {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 150.25},
        }
    },
}

RESOLUTION_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["executions"],
                "properties": {
                    "executions": {
                        "type": "array",
                        "maxItems": 64,
                        "items": {
                            "type": "object",
                            "required": ["quantity", "price", "fee"],
                            "properties": {
                                "quantity": {"type": "integer", "minimum": 1},
                                "price": {"type": "number", "exclusiveMinimum": 0},
                                "fee": {"type": "number", "description": "positive: we pay"},
                                "execution_id": {"type": "integer", "minimum": 0},
                            },
                        },
                    }
                },
            },
            "example": {"executions": [{"quantity": 100, "price": 150.25, "fee": 0.3}]},
        }
    },
}

KILL_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["scope", "reason"],
                "properties": {
                    "scope": {
                        "oneOf": [
                            _TEXT,
                            {"type": "array", "prefixItems": [_TEXT, {}], "minItems": 2, "maxItems": 2},
                        ],
                        "description": '"engine", "symbol:AAPL", or the same as a pair: ["symbol", "AAPL"]',
                    },
                    "reason": _TEXT,
                    "name": {"type": "string", "description": "what lifts it; the scope's text without one"},
                },
            },
            "example": {"scope": "symbol:AAPL", "reason": "news", "name": "aapl-news"},
        }
    },
}

LIMITS_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["limits", "why"],
                "properties": {
                    "limits": {"type": "object", "description": "as risk_controls of the configuration"},
                    "why": _TEXT,
                    "allow_loosening": _FLAG,
                },
            },
            "example": {"limits": {"order_limits": {"max_order_size": 500}}, "why": "a calm day ends"},
        }
    },
}

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "code,pre{font-family:ui-monospace,monospace;background:#f2f2f2;padding:.1rem .3rem}"
    "pre{padding:.6rem;overflow:auto}h2{margin-top:2rem;border-bottom:1px solid #999}"
    "b.m{display:inline-block;min-width:4.5rem}@media (prefers-color-scheme:dark)"
    "{body{color:#eee;background:#161616}code,pre{background:#2a2a2a}a{color:#8cc4ff}}"
)


def page(schema: dict[str, Any]) -> str:
    """The routes as one HTML page, made from the OpenAPI document."""
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        f"<title>{html.escape(schema['info']['title'])}: routes</title>",
        f"<link rel=icon href=data:,><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(schema['info']['title'])}</h1><p>{html.escape(schema['info'].get('description', ''))} ",
        "The same for programs: <a href=/execution/openapi.json>openapi.json</a>. ",
        "Writes want <code>Authorization: Bearer TOKEN</code>.</p>",
    ]
    by_tag: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            tag = (route.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_route(path, method, route))
    for tag, routes in by_tag.items():
        parts += [f"<h2>{html.escape(tag)}</h2>", *routes]
    parts.append("</body></html>")
    return "".join(parts)


def _route(path: str, method: str, route: dict[str, Any]) -> str:
    text = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(route.get("description", "")))
    parts = [f"<p><b class=m>{method.upper()}</b> <code>{html.escape(path)}</code><br>{text}</p>"]
    names = [f"{each['name']} ({each['in']})" for each in route.get("parameters", ())]
    if names:
        parts.append(f"<p>Parameters: {html.escape(', '.join(names))}</p>")
    content = route.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        parts.append(f"<pre>{html.escape(json.dumps(content['example'], indent=1))}</pre>")
    return "".join(parts)
