// A loaded policy of `.vsl` rules: its directives, and the calls of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/context.h"
#include "dialect/vsl/script.h"
#include "dialect/vsl/source.h"

namespace postern::dialect::vsl {

/// How to load a policy.
struct VslPolicyOptions {
  std::string path;  ///< of the entry file; its folder is the policy directory; empty: all
                     ///< connections are denied
  Site site;         ///< the configuration for scripts
  std::vector<std::string> own_folders = {};  ///< the gateway's own folders, closed to scripts
  bool must_be_authenticated = false;         ///< MAIL without AUTH gets 530 5.7.0 (RFC 4954 §6)
  bool has_accounts = true;    ///< for authenticate(), which refuses every login otherwise
  ScriptLimits limits;         ///< of one directive
  std::size_t states = 1;      ///< Lua states made at once; further threads make their own
  script::RunToEnd run;        ///< runs a task to its end, for the load
  std::shared_ptr<void> keep;  ///< owner of what the world uses; lives as long as the policy
  /// The files of a policy that is rebuilt from its definition, by name in the policy directory;
  /// none is read from disk.
  std::shared_ptr<const std::map<std::string, std::string>> files;
  bool watched = false;  ///< ScriptOptions::watched
};

/// Why a policy did not load.
struct LoadMistake : Mistake {
  bool is_failing_call =
      false;  ///< a call that fails when it is reached, which alone prevents no load
};

/// Immutable and safe to use from any thread. A session keeps the policy that it began with.
class VslPolicy {
 public:
  /// Loads a policy, running the top level of its files. Blocks. `world` must outlive the policy.
  /// The error is every mistake that was found.
  static tl::expected<std::shared_ptr<const VslPolicy>, std::vector<LoadMistake>> load(
      VslPolicyOptions options, script::World& world);

  /// Its files.
  const Sources& sources() const { return script_->sources(); }
  /// The directives of all stages, by index.
  std::span<const Directive> directives() const { return script_->directives(); }
  /// The directives of a stage, in the order in which they run.
  std::span<const Directive> directives(policy::Stage stage) const;
  /// Probable mistakes.
  const std::vector<Mistake>& warnings() const { return warnings_; }
  /// Calls that fail: of functions that nothing defines, and of those that need what Site does not
  /// have. The rule that reaches one fails.
  const std::vector<Mistake>& failing_calls() const { return failing_calls_; }
  const Site& site() const { return options_.site; }            ///< of the options
  const VslPolicyOptions& options() const { return options_; }  ///< of load()
  script::World& world() const { return world_; }               ///< of load()
  /// The service that a `delegate` sends messages to; null: the directive is no `delegate`.
  std::shared_ptr<const SmtpService> delegate(const Directive& directive) const {
    return script_->service_of(index_of(directive));
  }
  /// Whether any directive delegates messages, which must be recognized when they come back.
  bool has_delegates() const { return !receivers().empty(); }
  /// The addresses where delegated messages come back: "127.0.0.1:10026".
  const std::set<std::string>& receivers() const { return script_->receivers(); }
  /// Whether delegated messages come back at this local address.
  bool receives_at(const IpAddress& address, std::uint16_t port) const;
  /// The policy as JSON, without keys and passwords, for load_definition().
  const std::string& definition() const { return definition_; }

  /// The outcome of a directive.
  struct Ran {
    StatusPtr status;     ///< null: it failed, or is an action
    std::string trouble;  ///< why it failed: "main.vsl:3:5: rule 'x': ..."; empty: it did not
    script::Spent spent;  ///< time and instructions

    /// For a trace: "deny: what it saw"; empty for an action.
    std::string words() const;
  };
  /// Runs a directive. The answers of host functions are appended to the inquiry's tape; while the
  /// tape is playing, they come from it. `trouble` and the record hold no secrets.
  Task<Ran> run(const Directive& directive, Context& context) const;

 private:
  std::size_t index_of(const Directive& directive) const {
    return static_cast<std::size_t>(&directive - script_->directives().data());
  }
  VslPolicy(VslPolicyOptions options, script::World& world);
  void make_definition(const script::Files::Seen::Kept& lists);

  /// A world that logs places in the scripts' files instead of places in the Lua text.
  class PlacedWorld;

  VslPolicyOptions options_;
  script::World& world_;
  std::unique_ptr<PlacedWorld> placed_;
  std::shared_ptr<const Script> script_;
  std::vector<Mistake> warnings_;
  std::vector<Mistake> failing_calls_;
  std::map<std::string, std::string> texts_;  ///< of files, without passwords; while it loads
  std::string definition_;
};

/// A directive's verdict as a step of a trace.
policy::Step step_of(const Directive& directive, policy::Verdict verdict,
                     const script::Spent& spent);

/// Rebuilds a policy from VslPolicy::definition(), without network and files. Fault::malformed.
Result<std::shared_ptr<const VslPolicy>> load_definition(const json::object& definition,
                                                         const ScriptLimits& limits = {},
                                                         bool watched = false);

}  // namespace postern::dialect::vsl
