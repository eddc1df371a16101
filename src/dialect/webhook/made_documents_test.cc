// What documents and pages say of the fields and controls is made from their tables:
// POSTERN_WRITE_DOCS=1 dialect_webhook_test writes it, and without it the test compares.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/temporary_folder_test.h"
#include "dialect/webhook/controls.h"
#include "dialect/webhook/fields.h"
#include "dialect/webhook/manual.h"
#include "policy/catalogue.h"

namespace postern::dialect::webhook {
namespace {

constexpr std::string_view source = "Made from src/dialect/webhook/fields.cc and controls.cc";

std::string with(std::string text, std::string_view old, std::string_view now) {
  for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += now.size())
    text.replace(at, old.size(), now);
  return text;
}

/// Compares a file of the repository with what it must be, or writes it.
void expect_file(const std::string& name, const std::string& expected) {
  const std::string path = POSTERN_SOURCE_DIR "/" + name;
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << expected;
  EXPECT_TRUE(tests::read_file(path) == expected)
      << path << ": run POSTERN_WRITE_DOCS=1 dialect_webhook_test";
}

/// The same for the lines of a file between `begin` and `end`.
void expect_part(const std::string& name, const std::string& begin, const std::string& end,
                 const std::string& part) {
  const std::string text = tests::read_file(POSTERN_SOURCE_DIR "/" + name);
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos && from < to) << name;
  const std::size_t start = from + begin.size();
  expect_file(name, text.substr(0, start) + part + text.substr(to));
}

bool is_list(FieldKind kind) {
  return kind == FieldKind::networks || kind == FieldKind::domains || kind == FieldKind::checks;
}

std::string_view stage_of(const Control& control) {
  return control.rules.front().check->stage == policy::Stage::rcpt ? "rcpt" : "data";
}

// docs/openapi.yaml

std::string yaml(std::string_view text) {
  if (text.find(": ") == std::string_view::npos) return std::string(text);
  return "'" + with(std::string(text), "'", "''") + "'";
}

std::string yaml_list(const std::vector<std::string>& items, std::string_view indent) {
  std::string text;
  for (const std::string& item : items) text += fmt::format("{}- {}\n", indent, item);
  return text;
}

/// A field as answers show it.
std::string shown_schema(FieldKind kind) {
  if (kind == FieldKind::flag) return "          type: boolean\n";
  std::string text = "          type: string\n";
  if (is_list(kind)) text += "          description: Normalised comma list.\n";
  if (kind == FieldKind::mode)
    text += "          enum:\n" + yaml_list({"enforce", "shadow"}, "          ");
  return text;
}

/// A field as bodies have it.
std::string written_schema(const FieldText& field) {
  std::string text;
  if (!field.write.empty()) text += "          description: " + yaml(field.write) + "\n";
  switch (field.kind) {
    case FieldKind::name:
      return text + "          type: string\n          minLength: 1\n          maxLength: 100\n";
    case FieldKind::flag:
      return text + "          type: boolean\n";
    case FieldKind::networks:
    case FieldKind::domains:
    case FieldKind::checks:
      return text +
             "          oneOf:\n          - type: string\n          - type: array\n"
             "            items:\n              type: string\n          - type: 'null'\n";
    case FieldKind::mode:
      return text + shown_schema(field.kind) + "          default: enforce\n";
    case FieldKind::credentials:
      return text +
             "          writeOnly: true\n          oneOf:\n          - type: string\n"
             "          - type: array\n            items:\n              oneOf:\n"
             "              - type: string\n"
             "              - $ref: '#/components/schemas/PolicyCredential'\n"
             "              - $ref: '#/components/schemas/PolicyCredentialPassword'\n"
             "          - type: 'null'\n";
  }
  return text;
}

std::string schemas() {
  std::string shown;
  std::string written;
  std::vector<std::string> required;
  for (const FieldText& field : field_texts()) {
    written += fmt::format("        {}:\n{}", field.name, written_schema(field));
    if (field.kind == FieldKind::credentials) continue;
    shown += fmt::format("        {}:\n{}", field.name, shown_schema(field.kind));
    if (!field.if_set) required.emplace_back(field.name);
  }
  shown +=
      "        smtp_usernames:\n          type: array\n          items:\n            type: "
      "string\n";
  required.emplace_back("smtp_usernames");
  std::vector<std::string> names;
  for (const Control& control : controls()) names.emplace_back(control.name);
  const std::vector<std::string> own = names;
  // A record also names controls that are no field of a policy, and what a webhook refuses with.
  for (const policy::Check* check : policy::checks::all()) {
    const std::string control(check->control);
    if (!control.empty() && std::ranges::find(names, control) == names.end())
      names.push_back(control);
  }
  for (const char* other : {"inbox_full", "inactive", "deleted", "size", "syntax", "null"})
    names.emplace_back(other);
  return "    PolicyWords:\n      type: object\n"
         "      description: A policy's own members, normalised.\n      properties:\n" +
         shown + "      required:\n" + yaml_list(required, "      ") +
         "    PolicyWrite:\n      type: object\n      properties:\n" + written +
         "      description: Read-only members of Policy are ignored on input, any other unknown "
         "member is refused with 422.\n"
         "    PolicyControl:\n      type: string\n      enum:\n" +
         yaml_list(own, "      ") + "    FailedControl:\n      enum:\n" +
         yaml_list(names, "      ");
}

TEST(MadeDocuments, openapi) {
  expect_part("docs/openapi.yaml", fmt::format("    # {}: begin\n", source),
              fmt::format("    # {}: end\n", source), schemas());
}

// docs/webhook-policies.md

TEST(MadeDocuments, manual) {
  expect_part("docs/webhook-policies.md", fmt::format("<!-- {}: begin -->\n", source),
              fmt::format("<!-- {}: end -->\n", source), policy_manual());
}

// web/src/lib/policy-fields.ts

std::string in_quotes(std::string_view text) {
  return "'" + with(with(std::string(text), "\\", "\\\\"), "'", "\\'") + "'";
}

std::string_view kind_of_page(FieldKind kind) {
  switch (kind) {
    case FieldKind::name:
      return "name";
    case FieldKind::flag:
      return "flag";
    case FieldKind::networks:
    case FieldKind::domains:
    case FieldKind::checks:
      return "list";
    case FieldKind::mode:
      return "mode";
    case FieldKind::credentials:
      return "credentials";
  }
  return "";
}

std::string script() {
  std::string text = fmt::format(
      "// {}: POSTERN_WRITE_DOCS=1 dialect_webhook_test writes this file.\n\n"
      "/** The fields of a policy. In `hint` code is between backticks. `needs`: the flag without "
      "which the list is refused. */\nexport const fields = [\n",
      source);
  for (const FieldText& field : field_texts()) {
    text += fmt::format("  {{ name: {}, kind: {}, label: {}, hint: {}, needs: {} }},\n",
                        in_quotes(field.name), in_quotes(kind_of_page(field.kind)),
                        in_quotes(field.label), in_quotes(field.hint), in_quotes(field.needs));
  }
  text +=
      "] as const;\n\n/** The controls in the order of evaluation. `fields`: the first switches it "
      "on; `named`: if that list has its name. */\nexport const controls = [\n";
  for (const Control& control : controls()) {
    std::vector<std::string> names;
    for (const std::string_view field : control.fields) names.push_back(in_quotes(field));
    text +=
        fmt::format("  {{ name: {}, label: {}, brief: {}, stage: {}, fields: [{}], named: {} }},\n",
                    in_quotes(control.name), in_quotes(control.label), in_quotes(control.brief),
                    in_quotes(stage_of(control)), fmt::join(names, ", "), control.named);
  }
  return text + "] as const;\n";
}

TEST(MadeDocuments, pages) { expect_file("web/src/lib/policy-fields.ts", script()); }

}  // namespace
}  // namespace postern::dialect::webhook
