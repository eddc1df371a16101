#include "dialect/vsl/script.h"

#include "dialect/vsl/machine.h"
#include "dialect/vsl/service.h"
#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

using script::Raised;

/// The place of the script's innermost line in a traceback.
std::optional<ChunkPlace> first_place(std::string_view traceback) {
  while (!traceback.empty()) {
    const std::size_t end = std::min(traceback.find('\n'), traceback.size());
    std::string_view line = traceback.substr(0, end);
    if (line.starts_with('\t')) line.remove_prefix(1);
    if (const auto place = take_place(line)) return place;
    traceback.remove_prefix(std::min(end + 1, traceback.size()));
  }
  return std::nullopt;
}

/// The sentence of an error in the runtime's own text: "vsl.runtime:57: sentence".
std::string without_module(std::string text) {
  constexpr std::string_view module = "vsl.runtime:";
  if (!text.starts_with(module)) return text;
  const std::size_t end = text.find(": ", module.size());
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace

tl::expected<std::shared_ptr<const Script>, Mistake> Script::load(Sources sources, Options options,
                                                                  script::World& world) {
  std::shared_ptr<Script> made(new Script(std::move(sources), std::move(options), world));
  auto compiled = compile(made->sources_, made->options_.find);
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  made->compiled_ = std::move(*compiled);
  const Options& given = made->options_;
  script::Program::Options program{.text = std::exchange(made->compiled_.text, {}),
                                   .name = std::string(chunk_name),
                                   .setup = {.tables = given.tables,
                                             .modules = {{"vsl.runtime", runtime_text()}},
                                             .globals = {},
                                             .files = given.files,
                                             .memos = nullptr},
                                   .loading = given.limits.call,
                                   .user = {},
                                   .ready = {},
                                   .run = given.run,
                                   .states = given.states};
  // Each file has the budget of a directive.
  program.loading.instructions *= made->sources_.files.size();
  // Instructions limit the load rather than time: a busy machine is not a mistake of the policy.
  program.loading.computing = program.loading.time = program.loading.longest_slice =
      std::chrono::seconds(60);
  for (const auto table : {operator_functions(), value_functions(), method_functions(),
                           array_functions(), declaration_functions()}) {
    program.setup.tables.push_back(table);
  }
  program.user = [script = made.get()]() -> std::shared_ptr<void> {
    return std::make_shared<Machine>(Machine{.sources = &script->sources_,
                                             .limits = &script->options_.limits,
                                             .files = &script->options_.files,
                                             .functions = {},
                                             .services = {},
                                             .site = script->options_.site,
                                             .watched = script->options_.watched});
  };
  auto loaded = script::Program::load(std::move(program), world);
  if (loaded) {
    made->program_ = std::move(*loaded);
    made->services_ = made->program_->loaded().user<Machine>().services;
    for (const auto& [index, service] : made->services_) {
      made->receivers_.insert(service->options().receiver);
    }
    return made;
  }
  const Raised& raised = loaded.error();
  if (const auto* own = dynamic_cast<const ThrownMistake*>(raised.thrown.get())) {
    return tl::unexpected(own->mistake());
  }
  return tl::unexpected(made->trouble_of(raised, made->sources_.files.front().name, {1, 1}).what);
}

Script::Trouble Script::trouble_of(const Raised& raised, std::string file, Position at) const {
  Trouble trouble{.what = {std::move(file), at, raised.message, {}}, .stopped = raised.stopped};
  auto place = take_place(raised.message);
  if (place) {
    trouble.what.message = place->rest;
  } else {
    place = first_place(raised.traceback);
    trouble.what.message = without_module(raised.message);
  }
  if (!place || place->line == 0 || place->line > compiled_.lines.size()) return trouble;
  const Place& found = compiled_.lines[place->line - 1];
  if (found.at.line == 0) return trouble;
  trouble.what.file = sources_.files[found.file].name;
  trouble.what.at = found.at;
  return trouble;
}

std::shared_ptr<const SmtpService> Script::service_of(std::size_t directive) const {
  const auto found = services_.find(directive);
  return found == services_.end() ? nullptr : found->second;
}

std::string Script::place_of(std::string_view place) const {
  const auto found = take_place(place);
  if (!found || found->line == 0 || found->line > compiled_.lines.size()) return std::string(place);
  const Place& one = compiled_.lines[found->line - 1];
  const std::string& file = sources_.files[one.file].name;
  if (one.at.line == 0) return file;
  return place_text(file, one.at);
}

Task<Script::Ran> Script::run(std::size_t index, script::Call& call) const {
  const Directive& directive = compiled_.directives.at(index);
  Ran ran;
  std::optional<Raised> raised;
  const script::State::Push arguments = [](lua_State* L) {
    lua_pushinteger(L, 1);  // the depth of calls
    lua_pushinteger(L, 0);  // the number of parameters
    return 2;
  };
  const script::State::Read results = [&](lua_State* L, int) {
    if (directive.kind == Directive::Kind::action) return;
    const int top = lua_gettop(L);
    script::demand(shape_at(L, top) == Shape::status, std::string(to_string(directive.kind)) +
                                                          " '" + directive.name +
                                                          "' did not return a status");
    ran.status = script::stack::take<StatusPtr>(L, top);
  };
  try {
    script::State& state = program_->here();
    const int function = state.user<Machine>().functions.at(index);
    raised = co_await state.call(function, arguments, results, call);
  } catch (const std::exception& error) {
    raised = Raised{.stopped = script::Stopped::no,
                    .message = call.redacted(error.what()),
                    .traceback = {},
                    .thrown = nullptr};
  }
  if (raised) ran.trouble = trouble_of(*raised, directive.file, directive.at);
  co_return ran;
}

}  // namespace postern::dialect::vsl
