#include "dialect/vsl/policy.h"

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "base/ip.h"
#include "dialect/script_record.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/lint.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/mysql_service.h"
#include "dialect/vsl/watch.h"
#include "policy/trace.h"

namespace postern::dialect::vsl {

namespace {

/// What vSMTP does if no file is configured.
constexpr std::string_view deny_all =
    "#{ connect: [ rule \"no policy is configured\" || deny() ] }";

/// All mistakes: those that prevent the load, and of the others, which may be failing calls, those
/// in lines that have none yet. Those of a file are sorted by their places.
std::vector<LoadMistake> all_of(const std::vector<Mistake>& mistakes,
                                const std::vector<Mistake>& objects,
                                const std::vector<Mistake>& failing_calls) {
  std::vector<LoadMistake> all;
  for (const Mistake& one : mistakes) all.push_back({one});
  const auto add = [&](const std::vector<Mistake>& further, bool are_failing_calls) {
    const std::size_t before = all.size();
    for (const Mistake& one : further) {
      const bool has_line =
          std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before),
                      [&](const LoadMistake& other) {
                        return other.file == one.file && other.at.line == one.at.line;
                      });
      if (!has_line) all.push_back({one, are_failing_calls});
    }
  };
  add(objects, false);
  add(failing_calls, true);
  std::map<std::string, std::size_t> files;
  for (const LoadMistake& one : all) files.emplace(one.file, files.size());
  std::ranges::sort(all, {}, [&](const LoadMistake& one) {
    return std::tuple(files.at(one.file), one.at, std::string_view(one.message));
  });
  return all;
}

}  // namespace

class VslPolicy::PlacedWorld final : public script::World {
 public:
  explicit PlacedWorld(script::World& inner) : inner_(inner) {}
  void follow(const Script* script) { script_ = script; }

  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override {
    return inner_.http(std::move(question), deadline);
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    return inner_.blocking(std::move(job));
  }
  std::shared_ptr<MemoryBudget> memory() override { return inner_.memory(); }
  bool simulates() override { return inner_.simulates(); }
  bool asks_nobody() override { return inner_.asks_nobody(); }
  void log(std::string_view level, std::string_view place, std::string_view text) override {
    inner_.log(level, script_ != nullptr ? script_->place_of(place) : std::string(place), text);
  }

 private:
  script::World& inner_;
  const Script* script_ = nullptr;  ///< null while it loads
};

VslPolicy::VslPolicy(VslPolicyOptions options, script::World& world)
    : options_(std::move(options)), world_(world), placed_(std::make_unique<PlacedWorld>(world)) {}

tl::expected<std::shared_ptr<const VslPolicy>, std::vector<LoadMistake>> VslPolicy::load(
    VslPolicyOptions options, script::World& world) {
  if (options.path.empty()) {
    options.path = "main.vsl";
    options.files = std::make_shared<const std::map<std::string, std::string>>(
        std::map<std::string, std::string>{{options.path, std::string(deny_all)}});
  }
  std::shared_ptr<VslPolicy> policy(new VslPolicy(std::move(options), world));
  const VslPolicyOptions& given = policy->options_;
  const std::filesystem::path path(given.path);
  const SourceReader reader = given.files
                                  ? read_given(given.files)
                                  : read_directory(path.parent_path().string(), given.own_folders);
  SourcesRead read = read_sources(path.filename().string(), reader);
  Sources& sources = read.sources;
  std::vector<Mistake> mistakes = std::move(read.mistakes);
  std::vector<Mistake> open_relays;
  if (read.has_entry) {
    std::ranges::move(check_stages(sources), std::back_inserter(mistakes));
    std::vector<Mistake> misspelt;
    const LintSettings settings{.site = given.site, .has_accounts = given.has_accounts};
    // In a replay (`signs` is false), findings of the lint do not stop the load.
    policy->warnings_ =
        lint(sources, signature_of, function_names(), &open_relays,
             given.site.signs ? &misspelt : nullptr, &policy->failing_calls_, &settings);
    std::ranges::move(misspelt, std::back_inserter(mistakes));
  }
  if (!given.files) {
    for (const File& file : sources.files) {
      std::string text = file.text;
      std::ranges::move(hide_passwords(file, text), std::back_inserter(mistakes));
      policy->texts_[file.name] = std::move(text);
    }
  }
  if (!given.site.open_relay_is_known && given.site.signs) {
    std::ranges::move(open_relays, std::back_inserter(mistakes));
  }
  if (!mistakes.empty()) {
    return tl::unexpected(all_of(mistakes, {}, policy->failing_calls_));
  }
  const auto seen = std::make_shared<script::Files::Seen>();
  ScriptOptions script{.limits = given.limits,
                       .files = {.directory = path.has_parent_path() ? path.parent_path().string()
                                                                     : std::string("."),
                                 .roots = {},
                                 .closed = given.own_folders,
                                 .seen = seen,
                                 .given = given.files},
                       .tables = all_functions(),
                       .find = signature_of,
                       .site = &given.site,
                       .run = given.run,
                       .states = given.states,
                       .watched = given.watched};
  const std::vector<Mistake> objects = check_objects(sources);
  auto loaded = Script::load(std::move(sources), std::move(script), *policy->placed_);
  if (!loaded) {
    // The load stops at the first object or service that is wrong.
    return tl::unexpected(all_of({loaded.error()}, objects, policy->failing_calls_));
  }
  policy->script_ = std::move(*loaded);
  policy->placed_->follow(policy->script_.get());
  policy->make_definition(seen->end());
  return policy;
}

void VslPolicy::make_definition(const script::Files::Seen::Kept& lists) {
  json::object files;
  json::array names;  // a list may be a script as well
  for (const auto& [name, text] : lists.texts) {
    files[name] = text;
    names.emplace_back(name);
  }
  json::object left_out;
  for (const auto& [name, digest] : lists.digests) left_out[name] = digest;
  for (const File& file : script_->sources().files) {
    const auto hidden = texts_.find(file.name);
    files[file.name] = hidden == texts_.end() ? file.text : hidden->second;
  }
  texts_.clear();
  const Site& site = options_.site;
  json::array virtual_domains;
  for (const auto& [domain, key] : site.virtual_domains) virtual_domains.emplace_back(domain);
  definition_ = json::serialize(
      json::object{{"entry", script_->sources().files.front().name},
                   {"files", std::move(files)},
                   {"lists", std::move(names)},
                   {"left_out", std::move(left_out)},
                   {"domain", site.domain},
                   {"hostname", site.hostname},
                   {"virtual", std::move(virtual_domains)},
                   {"relay_networks", networks_json(site.relay_networks.networks())},
                   {"open_relay_is_known", site.open_relay_is_known},
                   {"toml_server", site.toml_server},
                   {"toml_app", site.toml_app},
                   {"must_be_authenticated", options_.must_be_authenticated}});
}

std::span<const Directive> VslPolicy::directives(policy::Stage stage) const {
  const std::vector<Directive>& all = script_->directives();
  const auto [first, last] = std::ranges::equal_range(all, stage, {}, &Directive::stage);
  return {first, last};
}

bool VslPolicy::receives_at(const IpAddress& address, std::uint16_t port) const {
  return has_delegates() && receivers().contains(with_port(address, port));
}

namespace {

WatchedSpot spot_of(const Directive& directive, std::size_t index, const Context& context) {
  const bool again = directive.stage == policy::Stage::helo && context.evidence.session.tls;
  return {.stage = directive.stage, .again = again, .directive = index};
}

/// Tells the Watch of this thread what a directive has left behind.
class Watching {
 public:
  Watching(const WatchedSpot& spot, const Context& context)
      : watch_(watching()), spot_(spot), context_(context), effects_(effects()) {}

  void ends(const VslPolicy::Ran& ran) const {
    if (watch_ == nullptr) return;
    const Draft& draft = context_.draft;
    const bool leaves = watch_->has_acted() || effects() != effects_ || draft.sender_changed ||
                        !draft.added.empty() || !draft.removed.empty() ||
                        !draft.transports.empty() || draft.skip || draft.header_changed ||
                        !ran.trouble.empty() || spot_.stage == policy::Stage::auth;
    const auto kind = ran.status ? ran.status->kind : Status::Kind::next;
    std::optional<WatchedSpot> next;
    if (!leaves && (kind == Status::Kind::next || kind == Status::Kind::accept)) {
      next = spot_;
      // `accept` ends the stage.
      next->directive = kind == Status::Kind::next ? spot_.directive + 1 : behind_all;
    }
    watch_->ends(next);
  }

 private:
  static constexpr std::size_t behind_all = static_cast<std::size_t>(-1);
  std::size_t effects() const { return context_.effects != nullptr ? context_.effects->size() : 0; }

  Watch* watch_;
  const WatchedSpot spot_;
  const Context& context_;
  const std::size_t effects_;
};

/// What the Watch says that the directive does; nullopt: it runs.
std::optional<VslPolicy::Ran> instead_of(const Directive& directive, const WatchedSpot& spot,
                                         Context& context) {
  Watch* watch = watching();
  const Instead* instead = watch != nullptr ? watch->begins(spot) : nullptr;
  if (instead == nullptr) return std::nullopt;
  if (instead->relays && context.effects != nullptr) {
    context.effects->push_back({.what = policy::GrantRelay{policy::Grant::client},
                                .why = "watched",
                                .check = {},
                                .place = {}});
  }
  VslPolicy::Ran ran;
  if (instead->failed) ran.trouble = directive.place() + ": watched";
  if (directive.kind != Directive::Kind::action) ran.status = instead->status;
  return ran;
}

}  // namespace

Task<VslPolicy::Ran> VslPolicy::run(const Directive& directive, Context& context) const {
  const WatchedSpot spot = spot_of(directive, index_of(directive), context);
  const Watching watching_it(spot, context);
  if (auto instead = instead_of(directive, spot, context)) {
    watching_it.ends(*instead);
    co_return std::move(*instead);
  }
  policy::Tape& tape = context.inquiry.tape;
  CallWorld world(world_, context.inquiry);
  PlacedWorld placed(world);
  placed.follow(script_.get());
  script::Call call(placed, options_.limits.call, &context);
  Ran ran;
  try {
    if (tape.playing) {
      call.answer_from(told_of(take_line(tape.answers)));
    } else {
      call.record();
    }
    Script::Ran done = co_await script_->run(index_of(directive), call);
    ran.status = std::move(done.status);
    if (done.trouble) {
      // Without the watcher it may stay below that limit, and other dialogues may.
      const bool is_limit = done.trouble->stopped != script::Stopped::no;
      if (Watch* watch = watching(); watch != nullptr && is_limit) {
        watch->note_blind("meets a limit of scripts");
      }
      Mistake what = std::move(done.trouble->what);
      what.message =
          std::string(to_string(directive.kind)) + " '" + directive.name + "': " + what.message;
      world.log("error", what.place(), what.message);
      ran.trouble = what.to_string();
    }
  } catch (const std::exception& error) {  // a record that cannot be read
    ran.trouble = directive.place() + ": " + call.redacted(error.what());
  }
  ran.spent = call.spent();
  if (call.lacked()) context.inquiry.script_lacked("vsl");
  if (!tape.playing) tape.record += line_of(call.told());
  watching_it.ends(ran);
  co_return ran;
}

std::string VslPolicy::Ran::words() const {
  if (!status) return {};
  std::string words(to_string(status->kind));
  if (!status->queue.empty()) words += "(\"" + status->queue + "\")";
  return status->detail.empty() ? words : words + ": " + status->detail;
}

policy::Step step_of(const Directive& directive, policy::Verdict verdict,
                     const script::Spent& spent) {
  return {.stage = directive.stage,
          .layer = "vsl",
          .check = policy::interned(directive.name),
          .origin = directive.place(),
          .verdict = std::move(verdict),
          .spent = script::words_of(spent)};
}

Result<std::shared_ptr<const VslPolicy>> load_definition(const json::object& definition,
                                                         const ScriptLimits& limits, bool watched) {
  static NoWorld world;
  VslPolicyOptions options;
  options.path = definition.at("entry").as_string();
  auto files = std::make_shared<std::map<std::string, std::string>>();
  for (const auto& [name, text] : definition.at("files").as_object()) {
    files->emplace(name, text.as_string());
  }
  options.files = std::move(files);
  options.site.domain = definition.at("domain").as_string();
  options.site.hostname = definition.at("hostname").as_string();
  for (const json::value& domain : definition.at("virtual").as_array()) {
    options.site.virtual_domains[std::string(domain.as_string())] = nullptr;
  }
  options.site.relay_networks = networks_of(definition.at("relay_networks"));
  if (const json::value* known = definition.if_contains("open_relay_is_known"))
    options.site.open_relay_is_known = known->as_bool();
  options.site.signs = false;
  options.site.toml_server = definition.at("toml_server").as_object();
  options.site.toml_app = definition.at("toml_app").as_object();
  options.must_be_authenticated = definition.at("must_be_authenticated").as_bool();
  options.run = run_alone;
  options.limits = limits;
  options.watched = watched;
  auto loaded = VslPolicy::load(std::move(options), world);
  if (!loaded) {
    return fail(Fault::malformed, "the recorded policy: " + loaded.error().front().to_string());
  }
  return *loaded;
}

}  // namespace postern::dialect::vsl
