// Annotations for the Lua language server: https://luals.github.io/wiki/annotations
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/manual.h"

namespace postern::dialect::kumo {

namespace {

constexpr std::string_view stubs_head =
    "---@meta\n"
    "-- What editors know of Postern's Lua policies. Made from the tables that register the "
    "functions:\n-- dialect_kumo_test writes it. See docs/lua-hooks.md.\n";

std::string function_text(const Documented& one, std::string_view variable) {
  const script::HostFunction& row = *one.row;
  std::string text = in_lines(row.help, "---");
  if (row.constant) {
    return text + fmt::format("---@type {}\n{}.{} = nil\n\n", row.returns, variable, one.member);
  }
  std::string names;
  for (const auto& [name, type] : parameters_of(row.parameters)) {
    text += fmt::format("---@param {} {}\n", name, type);
    names += (names.empty() ? "" : ", ") + std::string(name.substr(0, name.find('?')));
  }
  if (!row.returns.empty()) text += fmt::format("---@return {}\n", row.returns);
  if (elsewhere_named(row.name) != nullptr) text += "---@deprecated\n";
  if (row.name == "kumo.on") {
    for (const Event& event : all_events()) {
      if (!event.fired()) continue;
      text += fmt::format("---@overload fun(event: '{}', handler: fun({}){})\n", event.name,
                          event.arguments,
                          event.result.empty() ? "" : ": " + std::string(event.result));
    }
  }
  return text +
         fmt::format("function {}{}{}({}) end\n\n", variable, one.separator, one.member, names);
}

/// Fields and operators of a class come before it, methods after it.
std::string class_text(std::string_view name, const std::vector<Documented>& rows) {
  std::string text = fmt::format("---@class {}\n", name);
  std::string methods;
  for (const Documented& one : rows) {
    const script::HostFunction& row = *one.row;
    if (one.member == "__index") {
      text += fmt::format("---@field [string] {}\n", row.returns);
    } else if (one.member == "__add" || one.member == "__sub") {
      text += fmt::format("---@operator {}({}): {}\n", one.member.substr(2),
                          parameters_of(row.parameters).front().second, row.returns);
    } else if (one.member.starts_with("__")) {
      continue;  // no annotation describes it
    } else if (one.separator == '.') {
      text += fmt::format("---@field {} {} {}\n", one.member, row.returns, row.help);
    } else {
      methods += function_text(one, name);
    }
  }
  return text + fmt::format("local {} = {{}}\n\n", name) + methods;
}

std::string type_text(const DataType& type) {
  std::string text = in_lines(type.help, "---");
  if (!type.alias.empty()) return text + fmt::format("---@alias {} {}\n\n", type.name, type.alias);
  text += fmt::format("---@class {}\n", type.name);
  for (const DataField& field : type.fields) {
    text += fmt::format("---@field {} {} {}\n", field.name, field.type, field.help);
  }
  return text + "\n";
}

bool is_module(std::string_view owner) {
  const auto modules = all_modules();
  return std::any_of(modules.begin(), modules.end(),
                     [&](const Module& one) { return one.name == owner; });
}

/// The file of a module: "policy-extras/queue.lua" for "policy-extras.queue".
std::string path_of(std::string_view module) {
  std::string path(module);
  std::replace(path.begin(), path.end(), '.', '/');
  return path + ".lua";
}

/// Declares a table; `kumo` and the members of tables are not locals.
std::string table_text(std::string_view name, std::string_view variable) {
  const bool local = variable.find('.') == std::string_view::npos && variable != "kumo";
  return fmt::format("---@class {}\n{}{} = {{}}\n\n", name, local ? "local " : "", variable);
}

}  // namespace

std::map<std::string, std::string> editor_stubs() {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> last_lines;
  std::set<std::string_view> made;
  std::string& main = files["kumo.lua"];
  main = std::string(stubs_head) + "\n";
  for (const DataType& type : all_types()) main += type_text(type);
  for (const auto& [owner, rows] : rows_by_owner()) {
    if (is_class(owner)) {
      files["kumo.lua"] += class_text(owner, rows);
      continue;
    }
    const bool lua = is_module(owner);
    const std::string_view root = lua ? owner : owner.substr(0, owner.find('.'));
    std::string& text = files[path_of(root)];
    if (text.empty()) text = std::string(stubs_head) + "\n";
    const std::string_view variable = lua ? "module" : owner;
    for (std::size_t end = root.size();; end = std::min(owner.find('.', end + 1), owner.size())) {
      const std::string_view table = owner.substr(0, end);
      if (made.insert(table).second) text += table_text(table, lua ? variable : table);
      if (end == owner.size()) break;
    }
    for (const Documented& one : rows) text += function_text(one, variable);
    last_lines[path_of(root)] = fmt::format("return {}\n", lua ? "module" : root);
  }
  for (const auto& [path, line] : last_lines) files[path] += line;
  return files;
}

}  // namespace postern::dialect::kumo
