// A policy script that has loaded: its handlers, its listeners, and how one of them is called.
#pragma once

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

struct PolicyOptions {
  std::string path;  ///< of the file; its folder may be read
  std::string text;
  std::vector<std::string> read_roots;        ///< further folders whose files may be read
  std::vector<std::string> own_folders = {};  ///< the gateway's, closed to scripts
  script::Limits limits;                      ///< of a hook
  script::Limits loading = script::Program::Options{}.loading;
  std::size_t states = 1;
  script::RunToEnd run;
  std::shared_ptr<void> keep;  ///< what is behind the world; lives as long as the policy
  HeaderText header_text;
  std::string hostname;  ///< of listeners that the policy gives none
  /// By their names; those the policy starts are added.
  std::map<std::string, ListenerFacts, std::less<>> listeners;
  /// Where no `get_listener_domain` says otherwise: whose mail, and for which domains mail is
  /// taken.
  std::vector<std::string> relay_to;
  /// Strangers may be among those whose mail goes anywhere.
  bool open_relay_is_known = false;
  /// Files that are not read from disk: of a policy that is made again from its definition.
  std::shared_ptr<const std::map<std::string, std::string>> files;
  /// Then: what stands for the secrets that it loads, and what the clock and chance told it.
  std::vector<std::string> secrets;
  std::optional<std::vector<script::Told>> facts;
};

/// Immutable; shared by sessions and threads, and kept by those that began with it.
class Policy {
 public:
  /// `world` outlives the policy. The error is the script's: "policy.lua:3: ...".
  static tl::expected<std::shared_ptr<const Policy>, script::Raised> load(PolicyOptions options,
                                                                          script::World& world);

  bool handles(std::string_view event) const { return places_.contains(event); }
  /// Where the handler stands: "policy.lua:3".
  const std::string& place_of(std::string_view event) const;
  const std::vector<Listener>& listeners() const { return started_; }
  /// "policy.lua:3: ...": what is probably not meant.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// The same of what has its home in the configuration and no effect in a policy.
  const std::vector<std::string>& elsewhere() const { return elsewhere_; }
  const PolicyOptions& options() const { return options_; }
  const ListenerFacts* listener(std::string_view name) const;
  script::World& world() const { return world_; }
  /// As JSON, for load_definition().
  const std::string& definition() const { return *definition_; }
  const std::shared_ptr<const std::string>& shared_definition() const { return definition_; }

  struct Ran {
    std::optional<script::Raised> raised;
    script::Spent spent;
  };
  enum class Recorded { no, yes };
  /// Calls a handler, which there is. What host functions told is added to the evidence's record;
  /// in Evidence::offline they answer from script_answers.
  Task<Ran> run(std::string_view event, script::State::Push arguments, script::State::Read results,
                Context& context, Recorded recorded) const;

  /// What a handler of logins is told, and what its record says.
  struct Login {
    const policy::AuthAttempt& attempt;
    std::string password_stranger;  ///< what stands for the password in the record
  };
  /// The same of the handler of AUTH: of what stores say the record has strangers.
  Task<Ran> judge_login(script::State::Push arguments, script::State::Read results,
                        Context& context, Login& login) const;

 private:
  Policy(PolicyOptions options, script::World& world);
  void take_over(const Handlers& handlers);
  void define(const script::Files::Texts& texts);
  Task<Ran> run(std::string_view event, script::State::Push arguments, script::State::Read results,
                Context& context, script::Call& call) const;
  /// Warns of names that are nowhere; `texts` are the files that the policy read while it loaded.
  void lint(const Handlers& handlers, const script::Files::Texts& texts);

  PolicyOptions options_;
  script::World& world_;
  std::shared_ptr<script::Program> program_;
  std::map<std::string, std::string, std::less<>> places_;
  std::vector<Listener> started_;
  std::vector<std::string> warnings_;
  std::string program_text_;  ///< the policy's and that of its modules
  std::vector<std::string> elsewhere_;
  std::shared_ptr<const std::string> definition_;
};

/// A policy made again from Policy::definition(), offline. Fault::malformed.
Result<std::shared_ptr<const Policy>> load_definition(const json::object& definition);

}  // namespace postern::dialect::kumo
