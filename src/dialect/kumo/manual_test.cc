// The manual is complete: the generated files are current, and a real state has exactly its names.
#include "dialect/kumo/manual.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/events.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::dialect::kumo {
namespace {

namespace fs = std::filesystem;

/// The generated files by their paths in the repository.
std::map<std::string, std::string> generated() {
  std::map<std::string, std::string> files{{"docs/lua-api.md", api_manual()}};
  for (const auto& [path, text] : editor_stubs()) files["share/lua/" + path] = text;
  return files;
}

TEST(LuaManual, generated_files_are_current) {
  const fs::path top = POSTERN_SOURCE_DIR;
  const auto files = generated();
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) {
    for (const auto& [path, text] : files) {
      fs::create_directories((top / path).parent_path());
      std::ofstream(top / path) << text;
    }
  }
  for (const auto& [path, text] : files) {
    EXPECT_TRUE(tests::read_file(top / path) == text)
        << path << ": run POSTERN_WRITE_DOCS=1 dialect_kumo_test";
  }
  for (const auto& entry : fs::recursive_directory_iterator(top / "share/lua")) {
    if (entry.is_directory()) continue;
    EXPECT_TRUE(files.contains(fs::relative(entry.path(), top).string())) << entry.path();
  }
}

/// Names of functions, with ':' written as '.', since one table holds both kinds.
using Names = std::set<std::string>;

std::string plain(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), ':', '.');
  return text;
}

/// Collects the functions and texts of a table and of the tables in it, by path.
void walk(lua_State* L, const std::string& path, Names& found) {
  luaL_checkstack(L, 6, "deep");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const std::string name = path + "." + lua_tostring(L, -2);
    const bool text = lua_type(L, -1) == LUA_TSTRING && name.find(".__") == std::string::npos;
    if (lua_isfunction(L, -1) || text) found.insert(name);
    if (lua_istable(L, -1)) walk(L, name, found);
    lua_pop(L, 1);
  }
}

/// Collects methods, fields and operators of the class whose metatable is on top of the stack.
void walk_class(lua_State* L, const std::string& name, Names& found) {
  for (const char* part : {"__methods", "__fields"}) {
    lua_getfield(L, -1, part);
    walk(L, name, found);
    lua_pop(L, 1);
  }
  Names all;
  lua_pushvalue(L, -1);
  walk(L, "", all);
  lua_pop(L, 1);
  for (const std::string& one : all) {
    // Every class has __gc and __index. An __index of its own has a row; see DomainMap.
    const bool own = one.find('.', 1) == std::string::npos && one != ".__gc" && one != ".__index";
    if (own) found.insert(name + one);
  }
}

/// Collects everything that the host gives a state: the tables that `require` knows, and classes.
int walk_state(lua_State* L) {
  Names& found = script::State::of(L).user<Names>();
  static const Names of_lua = {"_G",        "string", "table", "math",    "utf8",
                               "coroutine", "os",     "io",    "package", "test"};
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const std::string name = lua_tostring(L, -2);
    if (!of_lua.contains(name)) walk(L, name, found);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
  while (lua_next(L, LUA_REGISTRYINDEX) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1)) {
      const std::string name = lua_tostring(L, -2);
      const bool is_host_class = lua_getfield(L, -1, "__methods") == LUA_TTABLE;
      lua_pop(L, 1);
      if (is_host_class && name != "Error") walk_class(L, name, found);
    }
    lua_pop(L, 1);
  }
  return 0;
}

const script::HostFunction walk_function[] = {{"test.walk", "", "", "", walk_state}};

struct Machine {
  Machine() {
    setup.tables = all_functions();
    setup.tables.push_back(walk_function);
    for (const Module& one : all_modules()) setup.modules.emplace_back(one.name, one.text);
    state.emplace(setup);
  }
  void run(const std::string& text) {
    script::Call call(world, {});
    const auto raised = script::testing::run(state->run(text, "stub.lua", call));
    EXPECT_FALSE(raised) << raised->message;
  }

  script::testing::TestWorld world;
  script::Setup setup{.tables = {}, .modules = {}, .globals = {"kumo"}, .files = {}, .memos = {}};
  std::optional<script::State> state;
};

TEST(LuaManual, every_function_has_a_row_and_every_row_a_function) {
  Machine machine;
  const auto found = std::make_shared<Names>();
  machine.state->set_user(found);
  machine.run("require('test').walk()");
  Names rows;
  for (const script::HostTable& table : all_functions()) {
    for (const script::HostFunction& row : table) {
      EXPECT_TRUE(rows.insert(plain(row.name)).second) << row.name << " twice";
    }
  }
  EXPECT_GT(rows.size(), 150u);
  Names in_state = *found;
  for (const std::string& name : rows) {
    // Every class has an __index; domain_map_test.cc tests those that have a row.
    if (!name.ends_with(".__index"))
      EXPECT_TRUE(in_state.contains(name)) << name << " is a row only";
  }
  for (const std::string& name : in_state)
    EXPECT_TRUE(rows.contains(name)) << name << " has no row";
}

TEST(LuaManual, modules_in_lua_have_what_is_documented_of_them) {
  Machine machine;
  const auto handlers = std::make_shared<Handlers>();
  machine.state->set_user(handlers);
  std::map<std::string, Names> documented_of;
  for (const Module& one : all_modules()) {
    for (const script::HostFunction& row : one.functions) {
      const Documented it = documented(row);
      documented_of[std::string(it.owner)].insert(std::string(it.member));
    }
  }
  std::string text =
      "local things = { ['QueueHelper'] = require('policy-extras.queue'):setup { {} } }\n";
  for (const Module& one : all_modules()) {
    text += "things['" + std::string(one.name) + "'] = require '" + std::string(one.name) + "'\n";
  }
  for (const auto& [owner, members] : documented_of) {
    text += "local thing = things['" + owner + "']\nlocal count = 0\n";
    text += "for _ in pairs(thing) do count = count + 1 end\n";
    text += "assert(count == " + std::to_string(members.size()) + ", '" + owner + "')\n";
    for (const std::string& member : members) {
      text += "assert(type(thing." + member + ") == 'function', '" + owner + "." + member + "')\n";
    }
  }
  machine.run(text);
}

TEST(LuaManual, the_files_for_editors_are_lua) {
  for (const auto& [path, text] : editor_stubs()) {
    Machine machine;
    machine.run(text);
    EXPECT_TRUE(text.starts_with("---@meta\n")) << path;
    for (const script::HostTable& table : all_functions()) {
      for (const script::HostFunction& row : table) {
        const Documented one = documented(row);
        if (path != "kumo.lua" || one.owner == "sqlite" || one.member.starts_with("__")) continue;
        const bool is_field = is_class(one.owner) && one.separator == '.';
        const std::string line = is_field       ? "---@field " + std::string(one.member) + " "
                                 : row.constant ? "\n" + std::string(row.name) + " = nil\n"
                                                : "\nfunction " + std::string(row.name) + "(";
        EXPECT_NE(text.find(line), std::string::npos) << line;
      }
    }
  }
}

/// Words that begin with a capital letter, outside quotes.
Names type_names(std::string_view text) {
  const std::string unquoted = std::regex_replace(std::string(text), std::regex("'[^']*'"), "");
  static const std::regex word(R"(\b[A-Z]\w*)");
  Names names;
  for (auto it = std::sregex_iterator(unquoted.begin(), unquoted.end(), word);
       it != std::sregex_iterator(); ++it) {
    names.insert(it->str());
  }
  return names;
}

TEST(LuaManual, every_type_is_explained_and_used) {
  Names known;
  Names used;
  const auto use = [&](std::string_view text) {
    for (const std::string& name : type_names(text)) used.insert(name);
  };
  for (const DataType& type : all_types()) {
    EXPECT_TRUE(known.insert(std::string(type.name)).second) << type.name;
    use(type.alias);
    for (const DataField& field : type.fields) use(field.type);
  }
  Names types = known;
  for (const auto& [owner, rows] : rows_by_owner()) {
    if (is_class(owner)) known.insert(std::string(owner));
    for (const Documented& one : rows) {
      use(one.row->parameters);
      use(one.row->returns);
      EXPECT_FALSE(one.row->help.empty()) << one.row->name;
    }
  }
  for (const Event& event : all_events()) {
    use(event.arguments);
    use(event.result);
  }
  for (const std::string& name : used) EXPECT_TRUE(known.contains(name)) << name << " is unknown";
  for (const std::string& name : types) EXPECT_TRUE(used.contains(name)) << name << " is unused";
}

TEST(LuaManual, options_of_listeners_are_those_that_are_read) {
  for (const DataType& type : all_types()) {
    if (type.name != "ListenerOptions" && type.name != "ListenerDomain") continue;
    const std::string function =
        type.name == "ListenerOptions" ? "start_esmtp_listener" : "make_listener_domain";
    for (const DataField& field : type.fields) {
      Machine machine;
      const auto handlers = std::make_shared<Handlers>();
      handlers->in_init = true;
      machine.state->set_user(handlers);
      const std::string name(field.name.substr(0, field.name.find('?')));
      // No option takes this table: a known option fails with another error.
      machine.run("local well, why = pcall(kumo." + function + ", { " + name +
                  " = { { 1 } } })\nassert(well or not tostring(why):find('unknown option'), why)");
    }
  }
}

TEST(LuaManual, reads_parameters) {
  using ::testing::ElementsAre;
  using ::testing::Pair;
  EXPECT_THAT(parameters_of(""), ElementsAre());
  EXPECT_THAT(
      parameters_of("f: function, options: { a: string, b?: table<integer, string> }, ...: any"),
      ElementsAre(Pair("f", "function"),
                  Pair("options", "{ a: string, b?: table<integer, string> }"),
                  Pair("...", "any")));
  EXPECT_EQ(in_lines("one two", "-- "), "-- one two\n");
  EXPECT_EQ(in_lines(std::string(60, 'a') + " " + std::string(60, 'b'), "-- "),
            "-- " + std::string(60, 'a') + "\n-- " + std::string(60, 'b') + "\n");
}

}  // namespace
}  // namespace postern::dialect::kumo
