"""docs/openapi.yaml as a judge: strict about answers, and with a memory of which members it has seen."""
import datetime
import pathlib
import re

import yaml

METHODS = ("get", "post", "put", "delete")
# Keywords that do not restrict a value, or that another program reads.
SILENT = {"description", "examples", "default", "writeOnly", "contentEncoding", "maxLength", "minLength"}
KNOWN = SILENT | {"$ref", "type", "enum", "const", "pattern", "format", "minimum", "maximum", "items", "minItems", "maxItems", "properties", "required",
                  "additionalProperties", "minProperties", "maxProperties", "oneOf", "allOf"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}


class Operation:
    def __init__(self, method, path, said, shared):
        self.method, self.path, self.id = method.upper(), path, said["operationId"]
        self.open = said.get("security") == []
        self.ids = re.findall(r"\{(\w+)\}", path)
        self.parameters = {p["name"]: p for p in shared + said.get("parameters", [])}
        self.body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        self.body_required = said.get("requestBody", {}).get("required", False)
        self.responses = said["responses"]


class Document:
    """`seen` holds the labels of members that a value had: "Policy.smtp_users[].cost"."""

    def __init__(self, path):
        self.tree = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        self.seen = set()
        self.operations = {}
        for route, item in self.tree["paths"].items():
            shared = [self.resolve(p) for p in item.get("parameters", [])]
            for method in METHODS:
                if method in item:
                    said = dict(item[method], parameters=[self.resolve(p) for p in item[method].get("parameters", [])])
                    self.operations[said["operationId"]] = Operation(method, route, said, shared)

    def resolve(self, schema):
        while "$ref" in schema:
            found = self.tree
            for part in schema["$ref"][2:].split("/"):
                found = found[part]
            schema = found
        return schema

    def answer_schema(self, operation, status):
        """-> (known, media type or None, schema or None) of an answer."""
        if str(status) not in operation.responses:
            return False, None, None
        content = self.resolve(operation.responses[str(status)]).get("content", {})
        for media, said in content.items():
            return True, media, said.get("schema", {})
        return True, None, None

    def labels(self, schema, label, into, inside=()):
        """The labels of every member that a value of this schema can have."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name in inside:
                return
            return self.labels(self.resolve(schema), name, into, (*inside, name))
        for name, member in schema.get("properties", {}).items():
            into.add("%s.%s" % (label, name))
            self.labels(member, "%s.%s" % (label, name), into, inside)
        for part in schema.get("oneOf", []) + schema.get("allOf", []):
            self.labels(part, label, into, inside)
        if "items" in schema:
            self.labels(schema["items"], label + "[]", into, inside)
        if isinstance(schema.get("additionalProperties"), dict):
            self.labels(schema["additionalProperties"], label + "{}", into, inside)

    def check(self, schema, value, label):
        """What is wrong with a value, as sentences. A member that no schema names is wrong."""
        errors, seen, named = self._judge(schema, value, label)
        errors += self._unnamed(value, named, label)
        self.seen |= seen
        return errors

    def _unnamed(self, value, named, label):
        if not isinstance(value, dict) or named is True:
            return []
        return ["%s: the schema names no member %r" % (label, name) for name in value if name not in named]

    def _judge(self, schema, value, label):
        """-> (errors, labels seen, names of the members that were judged; True: any)."""
        unknown = set(schema) - KNOWN
        if unknown:
            raise AssertionError("%s: the checker does not know %s" % (label, sorted(unknown)))
        if "$ref" in schema:
            return self._judge(self.resolve(schema), value, schema["$ref"].rsplit("/", 1)[1])
        errors, seen, named = self._plain(schema, value, label), set(), set()
        for part in schema.get("allOf", []):
            more, saw, names = self._judge(part, value, label)
            errors, seen = errors + more, seen | saw
            named = True if named is True or names is True else named | names
        if "oneOf" in schema:
            tried = [self._whole(part, value, label) for part in schema["oneOf"]]
            good = [one for one in tried if not one[0]]
            if good:
                seen, named = seen | good[0][1], True
            else:
                nearest = next((i for i, part in enumerate(schema["oneOf"]) if not self._plain(self.resolve(part), value, label)), 0)
                errors += ["%s: fits none of %d alternatives" % (label, len(tried))] + tried[nearest][0]
        if isinstance(value, dict):
            more, saw, names = self._members(schema, value, label)
            errors, seen = errors + more, seen | saw
            named = True if named is True or names is True else named | names
        if isinstance(value, list) and "items" in schema:
            for element in value:
                more, saw, _ = self._whole(schema["items"], element, label + "[]")
                errors, seen = errors + more, seen | saw
        return errors, seen, named

    def _whole(self, schema, value, label):
        errors, seen, named = self._judge(schema, value, label)
        return errors + self._unnamed(value, named, label), seen, named

    def _members(self, schema, value, label):
        errors, seen, named = [], set(), set()
        for name in schema.get("required", []):
            if name not in value:
                errors.append("%s: %s is missing" % (label, name))
        for name, member in schema.get("properties", {}).items():
            if name in value:
                named.add(name)
                inner = "%s.%s" % (label, name)
                more, saw, _ = self._whole(member, value[name], inner)
                errors, seen = errors + more, seen | saw | {inner}
        rest = schema.get("additionalProperties")
        if rest is True:
            return errors, seen, True
        if isinstance(rest, dict):
            for name in set(value) - named:
                more, saw, _ = self._whole(rest, value[name], label + "{}")
                errors, seen = errors + more, seen | saw
            return errors, seen, True
        return errors, seen, named

    def _plain(self, schema, value, label):
        """What a schema says of a value itself, whatever is in it."""
        wrong = []
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        is_bool = isinstance(value, bool)
        if types and not any(isinstance(value, TYPES[t]) and (t == "boolean" or not is_bool) for t in types):
            wrong.append("is %r, not %s" % (value, " or ".join(types)))
        if "enum" in schema and value not in schema["enum"]:
            wrong.append("is %r, not one of %s" % (value, schema["enum"]))
        if "const" in schema and value != schema["const"]:
            wrong.append("is %r, not %r" % (value, schema["const"]))
        if isinstance(value, str):
            if "pattern" in schema and not re.search(schema["pattern"], value):
                wrong.append("is %r, which does not match %s" % (value, schema["pattern"]))
            if not fits_format(value, schema.get("format")):
                wrong.append("is %r, which is no %s" % (value, schema["format"]))
        if isinstance(value, (int, float)) and not is_bool and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            wrong.append("is %r, out of its range" % value)
        if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            wrong.append("has %d elements" % len(value))
        return ["%s: %s" % (label, one) for one in wrong]


def fits_format(value, name):
    if name is None:
        return True
    if name == "date-time":  # RFC 3339
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
            return False
        try:
            datetime.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")
        except ValueError:
            return False
        return True
    if name == "email":
        return re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None
    if name == "uri":
        return re.fullmatch(r"https?://[^\s/]+/\S*", value) is not None
    raise AssertionError("the checker does not know the format " + name)
