// Objects, directives and errors: functions that compiled lines call.
#include <charconv>
#include <filesystem>

#include "base/text.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"
#include "dialect/vsl/watch.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace {

using script::Call;
using script::demand;

/// Reads a list file: an object a line. Blank lines and lines that begin with `#` are skipped.
ObjectPtr list_file(lua_State* L, const std::string& script_file, const std::string& path,
                    Object::Type content) {
  namespace fs = std::filesystem;
  const std::string file =
      (fs::path(script_file).parent_path() / path).lexically_normal().generic_string();
  const Result<std::string> text = machine_of(L).files->read(file);
  if (!text) throw std::runtime_error(text.error().message);
  Work work(L);
  std::vector<ObjectPtr> members;
  std::uint32_t line = 0;
  for (const std::string_view each : split(*text, '\n')) {
    ++line;
    work.step(1 + each.size() / 8);
    std::string_view word = trim(each);
    if (line == 1 && word.starts_with("\xEF\xBB\xBF")) word = trim(word.substr(3));
    if (word.empty() || word.starts_with('#')) continue;
    auto member = Object::make(content, word);
    if (!member) {
      throw script::Throw{std::make_shared<const ThrownMistake>(
          Mistake{file, {line, 1}, member.error().message, {}})};
    }
    members.push_back(std::move(*member));
  }
  return Object::list(Object::Type::file, std::move(members));
}

/// list_file(type of its lines, path, file of the script)
int list(lua_State* L) {
  const auto content = object_type(script::stack::text_at(L, 1));
  const std::string path(script::stack::text_at(L, 2));
  const std::string file(script::stack::text_at(L, 3));
  demand(content.has_value(), "there is no such type of lines");
  script::stack::give(L, list_file(L, file, path, *content));
  return 1;
}

/// find_import(file of the script, path): the number of the file; 0: there is none.
int import_number(lua_State* L) {
  const auto found = find_import(*machine_of(L).sources, script::stack::text_at(L, 1),
                                 script::stack::text_at(L, 2));
  script::stack::push(L, static_cast<std::int64_t>(found ? *found + 1 : 0));
  return 1;
}

/// keep(index, function): keeps the function of a directive.
void keep(Call& call, std::int64_t index, script::Function function) {
  auto& functions = call.state().user<Machine>().functions;
  const auto at = static_cast<std::size_t>(index);
  if (functions.size() <= at) functions.resize(at + 1, LUA_NOREF);
  functions[at] = call.state().keep(function);
}

/// delegate(index, name, service): keeps the service of a delegation; index nil: it is in no stage.
void delegate(Call& call, std::optional<std::int64_t> index, std::string name,
              std::variant<ServicePtr, std::monostate> service) {
  std::shared_ptr<const SmtpService> smtp;
  if (service.index() == 0) smtp = std::dynamic_pointer_cast<SmtpService>(std::get<0>(service));
  demand(smtp != nullptr, "delegate \"" + name + "\" needs an smtp service");
  if (index) {
    call.state().user<Machine>().services[static_cast<std::size_t>(*index)] = std::move(smtp);
  }
}

int loading(lua_State* L) {
  set_loading(L, lua_toboolean(L, 1) != 0);
  return 0;
}
int still_loading(lua_State* L) {
  lua_pushboolean(L, is_loading(L) ? 1 : 0);
  return 1;
}

int is_watched(lua_State* L) {
  lua_pushboolean(L, machine_of(L).watched ? 1 : 0);
  return 1;
}

/// look(function, values...): whether the Watch gives a result, and the result.
int look_at_call(lua_State* L) {
  Watch* watch = watching();
  if (watch == nullptr || !watch->replaces(L, script::stack::text_at(L, 1))) return 0;
  lua_pushboolean(L, 1);
  lua_insert(L, -2);
  return 2;
}

int depth_limit(lua_State* L) {
  lua_pushinteger(L, machine_of(L).limits->depth);
  return 1;
}
int deep(lua_State* L) { script::State::exhaust(L, "stopped: too many calls are in one another"); }

/// `throw value`.
int throw_value(lua_State* L) {
  Value value = value_at(L, 1);
  const script::State& state = script::State::of(L);
  std::string text = state.place() + ": " + text_of(value);
  throw script::Throw{std::make_shared<const ThrownValue>(std::move(text), std::move(value))};
}

/// Pushes the value that `catch` gets: the value of `throw`, or the text of another error.
int push_caught(lua_State* L) {
  const auto thrown = script::stack::thrown_at(L, 1);
  if (const auto* own = dynamic_cast<const ThrownValue*>(thrown.get())) {
    push(L, own->value());
    return 1;
  }
  const std::string text = thrown ? thrown->text() : std::string(script::stack::text_at(L, 1));
  const auto place = take_place(text);
  script::stack::push(L, place ? place->rest : std::string_view(text));
  return 1;
}

/// caught(error). A script must not continue after an error that the virtual machine raises itself,
/// because it is out of memory or stack.
int caught(lua_State* L) {
  if (lua_type(L, 1) == LUA_TSTRING) {
    std::size_t size = 0;
    const char* text = lua_tolstring(L, 1, &size);
    const std::string_view all(text, size);
    const auto place = take_place(all);
    const std::string_view rest = place ? place->rest : all;
    if (!place && rest == "not enough memory") {
      script::State::exhaust(L, "stopped: it has used up its memory");
    }
    if (!place || rest.starts_with("C stack overflow") || rest.starts_with("stack overflow")) {
      script::State::exhaust(L, "stopped: too many calls are in one another");
    }
  }
  return bounded<push_caught>(L);
}

int fail_with(lua_State* L) { return raise(L, "%s", lua_tostring(L, 1)); }
int no_condition(lua_State* L) { return raise(L, "the condition is not a boolean"); }
int no_variable(lua_State* L) {
  return raise(L, "variable '%s' is not defined", lua_tostring(L, 1));
}
int no_function(lua_State* L) {
  return raise(L, "function '%s' with %I parameter(s) is not defined", lua_tostring(L, 1),
               lua_tointeger(L, 2));
}
int no_method(lua_State* L) {
  return raise(L, "%s has no method '%s' with %I parameter(s)", type_name(L, 1).data(),
               lua_tostring(L, 2), lua_tointeger(L, 3));
}
int constant(lua_State* L) {
  return raise(L, "'%s' is a constant and cannot be assigned to", lua_tostring(L, 1));
}
int changing(lua_State* L) {
  if (is_loading(L)) return 0;
  return raise(L, "'%s' belongs to the loaded policy and cannot be changed", lua_tostring(L, 1));
}
int wrong_count(lua_State* L) {
  return raise(L, "the function takes %I parameter(s), not %I", lua_tointeger(L, 1),
               lua_tointeger(L, 2));
}
int callable(lua_State* L) {
  if (lua_type(L, 1) == LUA_TFUNCTION) return 0;
  return raise(L, "%s is no function", type_name(L, 1).data());
}

constexpr std::string_view name_parameter = "name: string";

const script::HostFunction runtime_declaration_rows[] = {
    {"vsl_machine.list_file", "content: string, path: string, file: string", "any",
     "`object name file:content = path`", bounded<list>},
    {"vsl_machine.find_import", "file: string, path: string", "integer", "A file's number.",
     bounded<import_number>},
    {"vsl_machine.keep", "index: integer, body: function", "", "A directive's function.",
     script::bind<&keep>},
    {"vsl_machine.delegate", "index?: integer, name: string, service: any", "",
     "A delegation's service.", script::bind<&delegate>},
    {"vsl_machine.loading", "now: boolean", "", "Whether files run.", loading},
    {"vsl_machine.is_loading", "", "boolean", "Whether files run.", still_loading},
    {"vsl_machine.watched", "", "boolean", "Whether calls are looked at.", is_watched},
    {"vsl_machine.look", "name: string, ...: any", "boolean, any", "Looks at a call.",
     bounded<look_at_call>},
    {"vsl_machine.depth_limit", "", "integer", "Of calls in one another.", depth_limit},
    {"vsl_machine.deep", "", "", "Stops it.", deep},
    {"vsl_machine.throw", "value: any", "", "`throw value`", bounded<throw_value>},
    {"vsl_machine.caught", "error: any", "any", "What `catch` sees.", caught},
    {"vsl_machine.fail", "sentence: string", "", "An error.", fail_with},
    {"vsl_machine.no_condition", "", "", "An error.", no_condition},
    {"vsl_machine.no_variable", name_parameter, "", "An error.", no_variable},
    {"vsl_machine.no_function", "name: string, count: integer", "", "An error.", no_function},
    {"vsl_machine.no_method", "value: any, name: string, count: integer", "", "An error.",
     no_method},
    {"vsl_machine.constant", name_parameter, "", "An error.", constant},
    {"vsl_machine.changing", name_parameter, "", "An error once the policy has loaded.", changing},
    {"vsl_machine.count", "wanted: integer, given: integer", "", "An error.", wrong_count},
    {"vsl_machine.callable", "value: any", "", "An error unless it is a function.", callable},
};

}  // namespace

std::optional<ChunkPlace> take_place(std::string_view text) {
  if (!text.starts_with(chunk_name) || !text.substr(chunk_name.size()).starts_with(':')) {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(chunk_name.size() + 1);
  std::size_t line = 0;
  const auto [end, error] = std::from_chars(rest.begin(), rest.end(), line);
  if (error != std::errc()) return std::nullopt;
  const std::string_view behind = rest.substr(static_cast<std::size_t>(end - rest.begin()));
  if (behind.empty()) return ChunkPlace{line, behind};
  if (!behind.starts_with(": ")) return std::nullopt;
  return ChunkPlace{line, behind.substr(2)};
}

script::HostTable declaration_functions() { return runtime_declaration_rows; }

}  // namespace postern::dialect::vsl
