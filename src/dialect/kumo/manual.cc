#include "dialect/kumo/manual.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"

namespace postern::dialect::kumo {

namespace {

constexpr std::string_view manual_head =
    "# What policies can call\n\n"
    "Every event, function, class and type of [Lua policies](lua-hooks.md). This page and the "
    "files "
    "for\neditors in `share/lua` are made from the tables that register the functions; a test "
    "fails "
    "when they\ndiffer.\n\n"
    "`kumo` is there without `require`, and `require 'kumo'` gives the same table; `sqlite` and\n"
    "`policy-extras.*` need theirs. A parameter with `?` may be left out; `...` stands for any "
    "number "
    "of\narguments. What a function cannot do is an error with the script's file and line. A name "
    "that is not\non this page is an error when it is used: `kumo.xyz is not available in "
    "Postern`. "
    "Lua's own libraries\nare those of [the sandbox](lua-sandbox.md).\n";

std::string cell(std::string_view code) {
  if (code.empty()) return "";
  std::string text = "`";
  for (const char c : code) text += c == '|' ? std::string("\\|") : std::string(1, c);
  return text + "`";
}

constexpr std::string_view error_mark = "error: ";
/// Indexed by Elsewhere::Weight.
constexpr std::array<std::string_view, 3> weights{"tuning", "setting", "error"};

std::string elsewhere_part() {
  std::string page =
      "\n## Set elsewhere\n\n" +
      in_lines(
          "Functions of KumoMTA for settings that are in Postern's own configuration. A call "
          "succeeds, has no effect, and gives a warning with its line (`postern help L005`). The "
          "missing effect of a tuning function is not visible; a function marked as an error "
          "stops the load.",
          "") +
      "\n| name | where it is set | weight |\n|---|---|---|\n";
  for (const Elsewhere& one : all_elsewhere()) {
    page += fmt::format("| `{}` | {} | {} |\n", one.name, one.here,
                        weights.at(static_cast<std::size_t>(one.weight)));
  }
  return page;
}

/// Whether the table "Set elsewhere" documents the function.
bool is_elsewhere(const Documented& one) {
  return elsewhere_named(one.row->name) != nullptr || elsewhere_named(one.owner) != nullptr;
}

std::string events_part() {
  std::string page =
      "\n## Events\n\n"
      "`kumo.on('event', function(...) ... end)` at the top of the policy. Where no result is "
      "named, "
      "what a\nhandler returns is ignored; each may end the command with `kumo.reject`.\n\n"
      "| event | arguments | result | when |\n|---|---|---|---|\n";
  std::string never;
  for (const Event& event : all_events()) {
    if (event.fired()) {
      page += fmt::format("| `{}` | {} | {} | {} |\n", event.name, cell(event.arguments),
                          cell(event.result), event.help);
    } else {
      const bool refused = event.kind == Event::Kind::refused;
      never += fmt::format("| `{}` | {}{} |\n", event.name, refused ? error_mark : "", event.help);
    }
  }
  page += "\n" +
          in_lines(
              "Any other name is one of the policy's own, which only key sources fire "
              "(kumo.secrets.load).",
              "") +
          "\n### Never fired\n\n" +
          in_lines(
              "Events of KumoMTA that are not fired here. A policy that handles one loads with a "
              "warning that names the counterpart in Postern (`postern help L005`); one marked as "
              "an error stops the load, because mail would evade a rule of its handler.",
              "") +
          "\n| event | where it is here |\n|---|---|\n" + never;
  return page;
}

std::string row_item(const Documented& one) {
  const script::HostFunction& row = *one.row;
  if (!is_class(one.owner) || !one.member.starts_with("__")) {
    const bool is_field = is_class(one.owner) && one.separator == '.';
    if (is_field || row.constant)
      return item(fmt::format("{}: {}", row.name, row.returns), row.help);
    return item(signature(row.name, row.parameters, row.returns), row.help);
  }
  static const std::map<std::string_view, std::string_view> operators = {
      {"__add", "+"},        {"__sub", "-"},    {"__eq", "=="},         {"__lt", "<"},
      {"__le", "<="},        {"__index", "[]"}, {"__newindex", "[] ="}, {"__tostring", "tostring"},
      {"__close", "<close>"}};
  const auto found = operators.find(one.member);
  const std::string_view sign = found == operators.end() ? one.member : found->second;
  return item(signature(fmt::format("{} {}", one.owner, sign), row.parameters, row.returns),
              row.help);
}

std::string types_part() {
  std::string page =
      "\n## Types\n\nTables and values that functions take and give; they are data, without "
      "methods.\n";
  for (const DataType& type : all_types()) {
    page += fmt::format("\n### {}\n\n", type.name);
    page += in_lines(
        std::string(type.help) + (type.alias.empty() ? "" : " `" + std::string(type.alias) + "`"),
        "");
    if (!type.fields.empty()) page += "\n";
    for (const DataField& field : type.fields) {
      page += item(fmt::format("{}: {}", field.name, field.type), field.help);
    }
  }
  return page;
}

}  // namespace

Documented documented(const script::HostFunction& row) {
  const std::size_t end = row.name.find_last_of(".:");
  return {.owner = row.name.substr(0, end),
          .separator = row.name[end],
          .member = row.name.substr(end + 1),
          .row = &row};
}

bool is_class(std::string_view owner) {
  return std::isupper(static_cast<unsigned char>(owner.front())) != 0;
}

std::vector<std::pair<std::string_view, std::vector<Documented>>> rows_by_owner() {
  std::vector<script::HostTable> tables = all_functions();
  for (const Module& module : all_modules()) tables.push_back(module.functions);
  std::vector<std::pair<std::string_view, std::vector<Documented>>> owners;
  for (const script::HostTable& table : tables) {
    for (const script::HostFunction& row : table) {
      const Documented one = documented(row);
      auto found = std::find_if(owners.begin(), owners.end(),
                                [&](const auto& owner) { return owner.first == one.owner; });
      if (found == owners.end()) found = owners.insert(found, {one.owner, {}});
      found->second.push_back(one);
    }
  }
  return owners;
}

std::string api_manual() {
  std::string page(manual_head);
  page += events_part() + elsewhere_part();
  for (const bool classes : {false, true}) {
    auto owners = rows_by_owner();
    std::sort(owners.begin(), owners.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [owner, rows] : owners) {
      std::erase_if(rows, is_elsewhere);
      if (is_class(owner) != classes || rows.empty()) continue;
      page += fmt::format("\n## {}{}\n\n", classes ? "Class " : "", owner);
      for (const Documented& one : rows) page += row_item(one);
    }
  }
  return page + types_part();
}

}  // namespace postern::dialect::kumo
