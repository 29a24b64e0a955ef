#!/usr/bin/env python3
"""Checks constrained output against Python's jsonschema.

Makes random JSON schemas of the supported subset, has walk-grammar write a random text of each with a tokenizer's tokens,
and validates the texts:

    pip install jsonschema
    swift build -c release --product walk-grammar
    tools/check_schemas.py models/demo/tokenizer.json --count 1000 --seed 1
"""
import argparse
import json
import random
import re
import subprocess
import sys
import tempfile

import jsonschema

NAMES = ["a", "ab", "abc", "b", "name", "größe", "日本", "a\"b", "back\\slash", "new\nline", "", " ", "x/y", "til~de"]
CONSTANTS = [None, True, False, 0, -1, 3, 2.5, 1e20, "", "yes", "é\n\"\\", "\u0007", [], [1, "a"], {}, {"k": [None]}]
PATTERNS = [
    "^[a-z]+$", "^[A-Z]{2}-\\d{3,5}$", "^(foo|bar)+$", "b", "^\\w+@\\w+\\.(com|org)$", "^[^0-9]*$", "^a|b$", "\"", "^\\\\.{2}$",
    "^(?:ab?c){2,}$", "^\\s?x$", "[.\\-]", "^$", "^[\\w.]{1,8}$",
]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.definitions = {}

    def chance(self, p):
        return self.rng.random() < p

    def names(self, most):
        return self.rng.sample(NAMES, self.rng.randint(0, most))

    def schema(self, depth):
        schema = self.plain(depth)
        if isinstance(schema, dict) and self.chance(0.2):
            schema[self.rng.choice(["title", "description", "$comment"])] = "said beside"
        return schema

    def plain(self, depth):
        kinds = ["null", "boolean", "integer", "number", "string", "enum", "const", "types"]
        if depth > 0:
            kinds += ["object", "object", "object", "array", "array", "anyOf", "oneOf", "allOf", "ref", "true", "untyped"]
        kind = self.rng.choice(kinds)
        return getattr(self, "make_" + kind)(depth)

    def make_null(self, depth):
        return {"type": "null"}

    def make_boolean(self, depth):
        return {"type": "boolean"}

    def make_true(self, depth):
        return self.rng.choice([True, {}])

    def numbers(self):
        bounds = {}
        if self.chance(0.6):
            low = self.rng.choice([-1000, -7, -1, 0, 1, 5, 99, 12345])
            bounds[self.rng.choice(["minimum", "exclusiveMinimum"])] = low
            if self.chance(0.6):
                bounds[self.rng.choice(["maximum", "exclusiveMaximum"])] = low + self.rng.choice([2, 3, 10, 95, 1000, 10**6])
        elif self.chance(0.5):
            bounds[self.rng.choice(["maximum", "exclusiveMaximum"])] = self.rng.choice([-50, -1, 0, 1, 8, 100])
        return bounds

    def make_integer(self, depth):
        return {"type": "integer", **self.numbers()}

    def make_number(self, depth):
        return {"type": "number", **self.numbers()}

    def make_string(self, depth):
        schema = {"type": "string"}
        pick = self.rng.random()
        if pick < 0.25:
            schema["pattern"] = self.rng.choice(PATTERNS)
        elif pick < 0.45:
            schema["format"] = self.rng.choice(["date", "time", "date-time", "uuid"])
        elif pick < 0.8:
            low = self.rng.randint(0, 5)
            if self.chance(0.7):
                schema["minLength"] = low
            if self.chance(0.7):
                schema["maxLength"] = low + self.rng.randint(0, 20)
        return schema

    def make_enum(self, depth):
        return {"enum": self.rng.sample(CONSTANTS, self.rng.randint(1, 5))}

    def make_const(self, depth):
        return {"const": self.rng.choice(CONSTANTS)}

    def make_types(self, depth):
        return {"type": self.rng.sample(["null", "boolean", "integer", "string"], self.rng.randint(1, 3))}

    def make_untyped(self, depth):
        return self.rng.choice([
            {"minLength": 2}, {"properties": {"a": self.schema(depth - 1)}}, {"items": self.schema(depth - 1)},
            {"minimum": 3, "maximum": 9}, {"required": ["b"]},
        ])

    def make_array(self, depth):
        schema = {"type": "array"}
        prefix = 0
        if self.chance(0.3):
            prefix = self.rng.randint(1, 3)
            schema["prefixItems"] = [self.schema(depth - 1) for _ in range(prefix)]
        closed = prefix and self.chance(0.5)
        if closed:
            schema["items"] = False
        elif self.chance(0.8):
            schema["items"] = self.schema(depth - 1)
        low = self.rng.randint(0, prefix if closed else 4)
        if self.chance(0.5):
            schema["minItems"] = low
        if self.chance(0.5):
            schema["maxItems"] = low + self.rng.randint(0, 3)
        if self.chance(0.1):
            schema["uniqueItems"] = False
        return schema

    def make_object(self, depth):
        schema = {"type": "object"}
        names = self.names(6)
        if names or self.chance(0.5):
            schema["properties"] = {name: self.schema(depth - 1) for name in names}
        if self.chance(0.6):
            schema["required"] = [name for name in names if self.chance(0.5)]
        pick = self.rng.random()
        if pick < 0.5:
            schema["additionalProperties"] = False
        elif pick < 0.8:
            schema["additionalProperties"] = self.schema(depth - 1)
            if self.chance(0.3):
                schema["required"] = sorted(set(schema.get("required", [])) | {"extra"})
        return schema

    def make_anyOf(self, depth):
        return {"anyOf": [self.schema(depth - 1) for _ in range(self.rng.randint(1, 4))]}

    def make_oneOf(self, depth):
        if self.chance(0.5):
            return {"oneOf": [{"type": "string"}, {"type": ["integer", "null"]}, {"type": "object"}][: self.rng.randint(1, 3)]}
        return {"oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind}, "v": self.schema(depth - 1)}, "required": ["kind"]}
            for kind in ["x", "y", "z"]]}

    def make_allOf(self, depth):
        return {"allOf": [self.schema(depth - 1)]}

    def make_ref(self, depth):
        name = self.rng.choice(["node", "leaf", "a/b~c"])
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = (
                {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}, "required": ["v"],
                 "additionalProperties": False}
                if name == "node" else self.schema(depth - 1))
        return {"$ref": "#/$defs/" + name.replace("~", "~0").replace("/", "~1")}


def make(rng):
    maker = Maker(rng)
    schema = maker.schema(3)
    if isinstance(schema, dict) and maker.definitions:
        schema["$defs"] = maker.definitions
    return schema


def is_left_recursive(message):
    return "begins with itself" in message or "no finite text" in message


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--walk", default=".build/release/walk-grammar")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    schemas = [make(rng) for _ in range(arguments.count)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for index, schema in enumerate(schemas):
            file.write(json.dumps({"schema": schema, "seed": index}, ensure_ascii=False) + "\n")
        file.flush()
        lines = subprocess.run(
            [arguments.walk, arguments.tokenizer, file.name], stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    valid, wrong, refused = 0, 0, {}
    for schema, line in zip(schemas, lines, strict=False):
        result = json.loads(line)
        if "error" in result:
            message = re.sub(r" at (/|its root)\S*", "", result["error"])
            refused[message] = refused.get(message, 0) + 1
            continue
        try:
            value = json.loads(result["text"])
            jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
            valid += 1
        except (ValueError, jsonschema.ValidationError) as error:
            wrong += 1
            print(f"{json.dumps(schema, ensure_ascii=False)}\n  {result['text']}\n  {str(error).splitlines()[0]}")
    print(f"{len(schemas)} schemas: {valid} texts valid, {wrong} not; refused or without end:")
    for message, count in sorted(refused.items()):
        print(f"  {count}  {message}")
    # A schema that no finite value fits (one that requires itself) is rightly refused.
    unexpected = [message for message in refused if not is_left_recursive(message)]
    sys.exit(1 if wrong or unexpected or valid < 0.9 * len(schemas) else 0)


if __name__ == "__main__":
    main()
