#include "dialect/kumo/policy.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "base/text.h"
#include "dialect/kumo/api.h"
#include "dialect/kumo/name_lint.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/session.h"
#include "dialect/kumo/use_lint.h"
#include "dialect/script_record.h"
#include "policy/json_octets.h"

namespace postern::dialect::kumo {

namespace {

using script::Call;
using script::Raised;
using script::State;

/// Asks the handler of `smtp_server_get_dynamic_parameters` about each listener.
Task<std::optional<Raised>> ask_dynamic(State& state, Call& call, Handlers& handlers) {
  const Handler* handler = handlers.of(events::dynamic);
  if (handler == nullptr) co_return std::nullopt;
  for (std::size_t i = 0; i < handlers.listeners.size(); ++i) {
    const Listener& listener = handlers.listeners[i];
    const State::Push arguments = [text =
                                       with_port(listener.address, listener.port)](lua_State* L) {
      script::stack::push(L, std::string_view(text));
      push_conn_meta(L);
      return 2;
    };
    json::value options;
    const State::Read read = [&options](lua_State* L, int count) {
      if (count > 0) options = script::stack::data_at(L, lua_gettop(L) - count + 1);
    };
    auto trouble = co_await state.call(handler->function, arguments, read, call);
    if (trouble) {
      trouble->message +=
          "; `smtp_server_get_dynamic_parameters` runs when the policy loads, without a "
          "connection: `peer` and `via` in its result say what is otherwise for some clients";
      co_return trouble;
    }
    std::string wrong;
    try {
      co_await apply_dynamic(call, i, std::move(options), handler->place);
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (!wrong.empty()) {
      co_return Raised{.stopped = script::Stopped::no,
                       .message = handler->place + ": " + wrong,
                       .traceback = {},
                       .thrown = nullptr};
    }
  }
  co_return std::nullopt;
}

/// Runs the handlers of `pre_init` and `init` after the script.
Task<std::optional<Raised>> begin(State& state, Call& call) {
  Handlers& handlers = state.user<Handlers>();
  handlers.loading = false;
  handlers.in_init = true;
  const State::Push nothing = [](lua_State*) { return 0; };
  const State::Read ignore = [](lua_State*, int) {};
  std::vector<int> functions;
  for (const std::string_view event : {events::pre_init, events::init}) {
    const auto found = handlers.by_event.find(event);
    if (found == handlers.by_event.end()) continue;
    for (const Handler& one : found->second) functions.push_back(one.function);
  }
  std::optional<Raised> trouble;
  for (std::size_t i = 0; i < functions.size() && !trouble; ++i) {
    trouble = co_await state.call(functions[i], nothing, ignore, call);
  }
  if (!trouble) trouble = co_await ask_dynamic(state, call, handlers);
  handlers.in_init = false;
  co_return trouble;
}

}  // namespace

namespace {

/// A shorter part of a key reveals too little of it to be masked.
constexpr std::size_t shortest_key_part = 16;

/// Replaces runs of base64 in a part of the text by asterisks. The text stays the same Lua and
/// every line keeps its number.
void cross_out_base64(std::string& text, std::size_t begin, std::size_t end) {
  const auto in_key = [&](std::size_t at) {
    const char c = text[at];
    return is_alnum(c) || c == '+' || c == '/' || c == '=';
  };
  for (std::size_t at = begin; at < end; ++at) {
    std::size_t behind = at;
    while (behind < end && in_key(behind)) ++behind;
    if (behind - at >= shortest_key_part) text.replace(at, behind - at, behind - at, '*');
    at = behind;
  }
}

/// The policy's text for records, with private keys masked.
std::string without_keys(std::string text, const std::vector<Listener>& listeners) {
  constexpr std::string_view head = "PRIVATE KEY-----";
  constexpr std::size_t longest_key = 8192;
  constexpr std::string_view tail = "-----END";
  for (std::size_t at = text.find(head); at != std::string::npos; at = text.find(head, at)) {
    at += head.size();
    const auto window = std::string_view(text).substr(at, longest_key + tail.size());
    const std::size_t length = window.find(tail);
    if (length != std::string_view::npos) cross_out_base64(text, at, at + length);
  }
  const auto cross_out = [&](const Secret& key) {
    for (const std::string_view line : split(key.reveal(), '\n')) {
      const std::string_view octets = trim(line);
      if (octets.size() < shortest_key_part || octets.starts_with("-----")) continue;
      // Goes on after what it wrote: a line of asterisks would be found there again.
      for (std::size_t at = text.find(octets); at != std::string::npos;
           at = text.find(octets, at + octets.size())) {
        text.replace(at, octets.size(), octets.size(), '*');
      }
    }
  };
  for (const Listener& one : listeners) {
    cross_out(one.private_key.text);
    for (const Listener::Variant& variant : one.variants) cross_out(variant.as->private_key.text);
  }
  return text;
}

/// Calls in the policy's texts that are certain or likely to fail.
UseFindings uses_of(const LuaPolicyOptions& options, const script::Files::Texts& texts,
                    const script::Files& files) {
  const std::filesystem::path policy(options.path);
  std::vector<std::pair<std::string, std::string_view>> all{
      {policy.filename().string(), options.text}};
  for (const auto& [name, text] : texts) {
    if (!name.ends_with(".lua")) continue;
    all.emplace_back(std::filesystem::path(name).filename().string(), text);
  }
  const auto has_module = [&](std::string_view name) {
    std::string path(name);
    std::ranges::replace(path, '.', '/');
    std::error_code unreadable;
    const std::filesystem::path module = policy.parent_path() / path;
    return std::filesystem::exists(module.string() + ".lua", unreadable) ||
           std::filesystem::exists(module / "init.lua", unreadable);
  };
  const auto unreadable = [&](std::string_view path) -> std::optional<Error> {
    const Result<std::string> found = files.find(path);
    return found ? std::nullopt : std::optional(found.error());
  };
  return lint_uses(all, has_module, {.unreadable = unreadable, .time = options.limits.time});
}

/// Appends certain mistakes to the error that ended the load, one a line. A mistake on the line of
/// the error replaces it, because it is more precise. After a syntax error no mistake is certain.
void add_mistakes(Raised& raised, const std::vector<std::string>& mistakes) {
  if (raised.message.find(" near ") != std::string::npos) return;
  const std::size_t file = raised.message.find(':');
  const std::size_t line = raised.message.find(':', std::min(file, raised.message.size() - 1) + 1);
  const std::string place = raised.message.substr(0, line == std::string::npos ? 0 : line + 1);
  const auto is_there = [&](const std::string& one) {
    return !place.empty() && one.starts_with(place);
  };
  if (std::ranges::any_of(mistakes, is_there)) raised.message.clear();
  for (const std::string& one : mistakes) {
    raised.message += (raised.message.empty() ? "" : "\n") + one;
  }
}

}  // namespace

LuaPolicy::LuaPolicy(LuaPolicyOptions options, script::World& world)
    : options_(std::move(options)), world_(world) {}

tl::expected<std::shared_ptr<const LuaPolicy>, Raised> LuaPolicy::load(LuaPolicyOptions options,
                                                                       script::World& world) {
  const std::filesystem::path path(options.path);
  std::shared_ptr<LuaPolicy> policy(new LuaPolicy(std::move(options), world));
  const LuaPolicyOptions& given = policy->options_;
  const auto seen = std::make_shared<script::Files::Seen>();
  script::Program::Options program{
      .text = given.text,
      .name = path.filename().string(),
      .setup = {.tables = all_functions(),
                .modules = {},
                .globals = {"kumo"},
                .files = {.directory = path.has_parent_path() ? path.parent_path().string() : ".",
                          .roots = given.read_roots,
                          .closed = given.own_folders,
                          .seen = given.files ? nullptr : seen,
                          .given = given.files,
                          .given_secrets = given.secrets},
                .memos = nullptr,
                .shared = shared_classes()},
      .loading = given.loading,
      .user =
          [known = given.open_relay_is_known, dns = given.dns] {
            return std::make_shared<Handlers>(Handlers{.open_relay_is_known = known, .dns = dns});
          },
      .ready = begin,
      .run = given.run,
      .states = given.states,
      .facts = given.facts};
  for (const Module& module : all_modules()) {
    program.setup.modules.emplace_back(module.name, module.text);
  }
  const script::Files files = program.setup.files;
  auto loaded = script::Program::load(std::move(program), world);
  if (!loaded) {
    if (!given.files)
      add_mistakes(loaded.error(), uses_of(given, seen->end().texts, files).mistakes);
    return tl::unexpected(std::move(loaded.error()));
  }
  policy->program_ = std::move(*loaded);
  const Handlers& handlers = policy->program_->loaded().user<Handlers>();
  policy->take_over(handlers);
  script::Files::Seen::Kept kept = seen->end();
  const script::Files::Texts& texts = given.files ? *given.files : kept.texts;
  policy->lint(handlers, texts);
  if (!given.files) {  // a recorded policy was checked before
    UseFindings uses = uses_of(given, texts, files);
    std::ranges::move(uses.warnings, std::back_inserter(policy->warnings_));
    policy->failing_calls_ = std::move(uses.failing_calls);
    if (!uses.mistakes.empty()) {
      Raised raised;
      for (const std::string& one : uses.mistakes) {
        raised.message += (raised.message.empty() ? "" : "\n") + one;
      }
      return tl::unexpected(std::move(raised));
    }
  }
  policy->define(texts, kept.digests);
  return policy;
}

void LuaPolicy::define(const script::Files::Texts& texts, const script::Files::Texts& digests) {
  program_text_ = options_.text;
  json::object files;
  for (const auto& [name, text] : texts) {
    files[name] = policy::octets_json(text);
    if (name.ends_with(".lua")) program_text_ += "\n" + text;
  }
  json::array relay_to;
  for (const std::string& domain : options_.relay_to) relay_to.emplace_back(domain);
  json::object listeners;
  for (const auto& [name, facts] : options_.listeners) {
    listeners[name] = {{"address", facts.address},
                       {"hostname", facts.hostname},
                       {"relay_hosts", networks_json(facts.relay_hosts.networks())},
                       {"meta", facts.meta}};
  }
  json::object definition{{"path", options_.path},
                          {"text", policy::octets_json(without_keys(options_.text, started_))},
                          {"files", files},
                          {"relay_to", relay_to},
                          {"open_relay_is_known", options_.open_relay_is_known},
                          {"listeners", listeners}};
  json::object left_out;
  for (const auto& [name, digest] : digests) left_out[name] = digest;
  if (!left_out.empty()) definition["left_out"] = std::move(left_out);
  json::array secrets;
  for (const std::string& one : program_->loaded().loaded_strangers()) secrets.emplace_back(one);
  if (!secrets.empty()) definition["secrets"] = std::move(secrets);
  if (!program_->facts().empty()) definition["facts"] = line_of(program_->facts());
  definition_ = std::make_shared<const std::string>(json::serialize(definition));
}

void LuaPolicy::take_over(const Handlers& handlers) {
  for (const auto& [event, registered] : handlers.by_event) {
    places_.emplace(event, registered.front().place);
  }
  started_ = handlers.listeners;
  elsewhere_ = handlers.elsewhere;
  const auto add = [this](const Listener& one) {
    options_.listeners[one.name] = {
        .address = with_port(one.address, one.port),
        .hostname = one.hostname.empty() ? options_.hostname : one.hostname,
        .relay_hosts = CidrSet(one.relay_hosts),
        .meta = one.meta};
  };
  for (const Listener& one : started_) {
    add(one);
    for (const Listener::Variant& variant : one.variants) add(*variant.as);
  }
}

void LuaPolicy::lint(const Handlers& handlers, const script::Files::Texts& texts) {
  std::vector<std::string> of_key_sources = key_source_events(options_.text);
  for (const auto& [name, text] : texts) {
    if (!name.ends_with(".lua")) continue;
    std::ranges::move(key_source_events(text), std::back_inserter(of_key_sources));
  }
  std::ranges::move(lint_events(handlers, of_key_sources), std::back_inserter(warnings_));
}

namespace {

Raised raised_of(const std::exception& error, const Call& call) {
  return {.stopped = script::Stopped::no,
          .message = call.redacted(error.what()),
          .traceback = {},
          .thrown = nullptr};
}

/// In a replay, a call that was stopped while waiting or computing ends as it was recorded: the
/// speed of other hosts and of this machine is not part of the decision.
void end_as_recorded(const Call& call, std::optional<Raised>& raised) {
  const std::string* stop = call.recorded_stop();
  if (stop == nullptr || !raised) return;
  if (raised->stopped == script::Stopped::no && !call.ran_out()) return;
  raised->message = *stop;
  raised->thrown = nullptr;
}

}  // namespace

const std::string& LuaPolicy::place_of(std::string_view event) const {
  static const std::string nowhere;
  const auto found = places_.find(event);
  return found == places_.end() ? nowhere : found->second;
}

const ListenerFacts* LuaPolicy::listener(std::string_view name) const {
  const auto found = options_.listeners.find(name);
  return found == options_.listeners.end() ? nullptr : &found->second;
}

Task<LuaPolicy::Ran> LuaPolicy::run(std::string_view event, State::Push arguments,
                                    State::Read results, Context& context,
                                    Recorded recorded) const {
  CallWorld world(world_, context.inquiry);
  Call call(world, options_.limits, &context);
  if (recorded == Recorded::yes) call.record();
  std::optional<Raised> raised;
  try {
    raised = co_await start_call(event, arguments, std::move(results), context, call);
  } catch (const std::exception& error) {
    raised = raised_of(error, call);
  }
  co_return outcome(std::move(raised), context, call);
}

Task<LuaPolicy::Ran> LuaPolicy::judge_login(State::Push arguments, State::Read results,
                                            Context& context, Login& login) const {
  const policy::AuthAttempt& attempt = login.attempt;
  CallWorld world(world_, context.inquiry);
  Call call(world, options_.limits, &context);
  call.judge_login({.names = {attempt.authn_id, attempt.authz_id},
                    .program = program_text_,
                    .counting = "execute"});
  call.keep_secret(attempt.password.reveal());
  call.record();
  std::optional<Raised> raised;
  try {
    raised = co_await start_call(events::auth_plain, arguments, std::move(results), context, call);
  } catch (const std::exception& error) {
    raised = raised_of(error, call);
  }
  Ran ran = outcome(std::move(raised), context, call);
  login.password_stranger = call.stranger(attempt.password.reveal());
  co_return ran;
}

Task<std::optional<Raised>> LuaPolicy::start_call(std::string_view event,
                                                  const State::Push& arguments, State::Read results,
                                                  Context& context, Call& call) const {
  context.header_text = options_.header_text;
  policy::Tape& tape = context.inquiry.tape;
  if (tape.playing) call.answer_from(told_of(take_line(tape.answers)), rethrown);
  State& state = program_->here();
  const int function = state.user<Handlers>().of(event)->function;
  return state.call(function, arguments, std::move(results), call);
}

LuaPolicy::Ran LuaPolicy::outcome(std::optional<Raised> raised, Context& context, Call& call) {
  policy::Tape& tape = context.inquiry.tape;
  if (tape.playing) {
    end_as_recorded(call, raised);
    if (call.lacked()) context.inquiry.script_lacked("lua");
  } else if (call.records()) {
    if (raised && raised->stopped != script::Stopped::no) call.tell_stop(raised->message);
    tape.record += line_of(call.told());
  }
  return {.raised = std::move(raised), .spent = std::move(call.spent())};
}

Result<std::shared_ptr<const LuaPolicy>> load_definition(const json::object& definition) {
  static NoWorld world;
  LuaPolicyOptions options{.path = std::string(definition.at("path").as_string()),
                           .text = policy::octets_of(definition.at("text"))};
  auto files = std::make_shared<script::Files::Texts>();
  for (const auto& [name, text] : definition.at("files").as_object()) {
    files->emplace(name, policy::octets_of(text));
  }
  options.files = std::move(files);
  if (const json::value* facts = definition.if_contains("facts")) {
    std::string line(facts->as_string());
    options.facts = told_of(take_line(line));
  }
  if (const json::value* secrets = definition.if_contains("secrets")) {
    for (const json::value& one : secrets->as_array()) {
      options.secrets.emplace_back(one.as_string());
    }
  }
  for (const json::value& domain : definition.at("relay_to").as_array()) {
    options.relay_to.emplace_back(domain.as_string());
  }
  for (const auto& [name, value] : definition.at("listeners").as_object()) {
    const json::object& one = value.as_object();
    options.listeners[std::string(name)] = {
        .address = std::string(one.at("address").as_string()),
        .hostname = std::string(one.at("hostname").as_string()),
        .relay_hosts = dialect::networks_of(one.at("relay_hosts")),
        .meta = one.at("meta").as_object()};
  }
  if (const json::value* known = definition.if_contains("open_relay_is_known"))
    options.open_relay_is_known = known->as_bool();
  options.run = run_alone;
  auto loaded = LuaPolicy::load(std::move(options), world);
  if (!loaded) return fail(Fault::malformed, "the recorded policy: " + loaded.error().message);
  return *loaded;
}

}  // namespace postern::dialect::kumo
