"""The JSON Schema of configuration files, by which editors complete and check them.

It asks for less than `pointsman check`: nothing that several keys have to agree on, and none of the keys at the top,
since an included file has only some of them."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from pointsman.gateway.schema.config import Config

_OF_CODE = frozenset(("title", "discriminator", "gt", "ge", "lt", "le"))
"""Keys that pydantic adds and JSON Schema does not know (the bounds of a duration, say), or that repeat a name."""


class _Generator(GenerateJsonSchema):
    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        found = _plain(super().generate(schema, mode))
        del found["required"]
        found["$defs"] = {name: _plain_enum(definition) for name, definition in found["$defs"].items()}
        return {"$schema": self.schema_dialect, "title": "Configuration of Pointsman", **found}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        if "patternProperties" in found:
            found["additionalProperties"] = False
        return found

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """As the file would have it, with its unit; none where there would be nothing to see."""
        found = super().default_schema(schema)
        write, default = _writer(schema["schema"]), schema.get("default")
        if write is not None and isinstance(default, int | float):
            found["default"] = write(default)
        if found.get("default") in (None, []) or isinstance(found["default"], dict):
            found.pop("default", None)
        return found


def _writer(schema: Any) -> Any:
    """The function that writes a value in its unit."""
    while schema is not None:
        serialization = schema.get("serialization")
        if serialization is not None and serialization["type"] == "function-plain":
            return serialization["function"]
        schema = schema.get("schema")
    return None


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "$defs"):  # whose keys are names
            plain[key] = {name: _plain(below) for name, below in value.items()}
        elif key == "description":
            plain[key] = " ".join(value.split())
        elif key not in _OF_CODE:
            plain[key] = _plain(value)
    return plain


def _plain_enum(definition: dict[str, Any]) -> dict[str, Any]:
    """Without its description, which is for readers of the code."""
    return {key: value for key, value in definition.items() if key != "description" or "enum" not in definition}


def json_schema() -> bytes:
    """The text of `pointsman/schema.json`."""
    schema = Config.model_json_schema(schema_generator=_Generator)
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
