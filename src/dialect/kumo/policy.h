// A loaded policy script: its handlers, its listeners, and the calls of handlers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/context.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/listener.h"
#include "policy/verifier.h"
#include "script/program.h"

namespace postern::dialect::kumo {

/// How to load a policy.
struct LuaPolicyOptions {
  std::string path;                     ///< of the script; scripts may read files in its folder
  std::string text;                     ///< the script
  std::vector<std::string> read_roots;  ///< further folders that scripts may read
  std::vector<std::string> own_folders = {};  ///< the gateway's own folders, closed to scripts
  script::Limits limits;                      ///< of one hook
  script::Limits loading = script::Program::Options{}.loading;  ///< of the load
  std::size_t states = 1;      ///< Lua states made at once; further threads make their own
  script::RunToEnd run;        ///< runs a task to its end, for the load
  std::shared_ptr<void> keep;  ///< owner of what the world uses; lives as long as the policy
  HeaderText header_text;      ///< how hooks decode header text
  std::string hostname;        ///< of listeners without a name of their own
  /// The configured listeners by name; those that the policy starts are added.
  std::map<std::string, ListenerFacts, std::less<>> listeners;
  /// Domains that any client may send to, if the policy has no `get_listener_domain`.
  std::vector<std::string> relay_to;
  /// The operator has confirmed that public addresses may relay to any domain.
  bool open_relay_is_known = false;
  /// Answers DNS questions while the policy loads; later ones go through policy::Inquiry. Null:
  /// there is no DNS.
  std::function<Task<dns::Answer>(dns::Question)> dns;
  /// The files of a policy that is rebuilt from its definition; none is read from disk.
  std::shared_ptr<const std::map<std::string, std::string>> files;
  /// For such a policy: placeholders of the secrets that it loads,
  std::vector<std::string> secrets;
  /// and the recorded answers of clock and random numbers.
  std::optional<std::vector<script::Told>> facts;
};

/// Immutable and safe to use from any thread. A session keeps the policy that it began with.
class LuaPolicy {
 public:
  /// Loads a policy, running the script and the handlers of `pre_init` and `init`. Blocks. `world`
  /// must outlive the policy. The error is the script's: "policy.lua:3: ...".
  static tl::expected<std::shared_ptr<const LuaPolicy>, script::Raised> load(
      LuaPolicyOptions options, script::World& world);

  bool handles(std::string_view event) const { return places_.contains(event); }  ///< has a handler
  /// Where the handler was registered, "policy.lua:3"; empty: there is none.
  const std::string& place_of(std::string_view event) const;
  const std::vector<Listener>& listeners() const { return started_; }  ///< started by `init`
  /// "policy.lua:3: ...": probable mistakes.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Likewise, calls of hooks that fail whenever they are reached.
  const std::vector<std::string>& failing_calls() const { return failing_calls_; }
  /// Likewise, about calls that have no effect and belong in the configuration.
  const std::vector<std::string>& elsewhere() const { return elsewhere_; }
  /// With the listeners that the policy started.
  const LuaPolicyOptions& options() const { return options_; }
  const ListenerFacts* listener(std::string_view name) const;  ///< null: it is unknown
  script::World& world() const { return world_; }              ///< of load()
  /// The policy as JSON, without private keys, for load_definition().
  const std::string& definition() const { return *definition_; }
  /// The same, shared.
  const std::shared_ptr<const std::string>& shared_definition() const { return definition_; }

  /// The outcome of a call.
  struct Ran {
    std::optional<script::Raised> raised;  ///< the handler failed or refused
    script::Spent spent;                   ///< time and instructions
  };
  /// Whether a call goes into the record.
  enum class Recorded { no, yes };
  /// Calls a handler, which must exist. The answers of host functions are appended to the inquiry's
  /// tape; while the tape is playing, they come from it.
  Task<Ran> run(std::string_view event, script::State::Push arguments, script::State::Read results,
                Context& context, Recorded recorded) const;

  /// A login that a handler judges.
  struct Login {
    const policy::AuthAttempt& attempt;  ///< what the client sent
    std::string password_stranger;       ///< takes the place of the password in the record
  };
  /// Calls the handler of AUTH. Answers from stores are withheld from the record.
  Task<Ran> judge_login(script::State::Push arguments, script::State::Read results,
                        Context& context, Login& login) const;

 private:
  LuaPolicy(LuaPolicyOptions options, script::World& world);
  void take_over(const Handlers& handlers);
  void define(const script::Files::Texts& texts, const script::Files::Texts& digests);
  /// Begins a call, which the task ends.
  Task<std::optional<script::Raised>> start_call(std::string_view event,
                                                 const script::State::Push& arguments,
                                                 script::State::Read results, Context& context,
                                                 script::Call& call) const;
  /// The outcome of such a call, whose answers it records.
  static Ran outcome(std::optional<script::Raised> raised, Context& context, script::Call& call);
  /// Warns of names that are nowhere; `texts` are the files that the policy read while it loaded.
  void lint(const Handlers& handlers, const script::Files::Texts& texts);

  LuaPolicyOptions options_;
  script::World& world_;
  std::shared_ptr<script::Program> program_;
  std::map<std::string, std::string, std::less<>> places_;
  std::vector<Listener> started_;
  std::vector<std::string> warnings_;
  std::vector<std::string> failing_calls_;
  std::string program_text_;  ///< the policy's and that of its modules
  std::vector<std::string> elsewhere_;
  std::shared_ptr<const std::string> definition_;
};

/// Rebuilds a policy from LuaPolicy::definition(), without network and files. Fault::malformed.
Result<std::shared_ptr<const LuaPolicy>> load_definition(const json::object& definition);

}  // namespace postern::dialect::kumo
