// A policy of `.vsl` rules that has loaded: its directives, and how one of them is asked.
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

struct PolicyOptions {
  std::string path;  ///< of the entry file, whose folder is the policy directory; empty: every
                     ///< connection is denied
  Site site;
  std::vector<std::string> own_folders = {};  ///< the gateway's, closed to scripts
  bool must_be_authenticated = false;         ///< MAIL is 530 5.7.0 without AUTH
  ScriptLimits limits;                        ///< of one directive
  std::size_t states = 1;                     ///< made at once; further threads make their own
  script::RunToEnd run;
  std::shared_ptr<void> keep;  ///< what is behind the world; lives as long as the policy
  /// Files by their names in the policy directory, not read from disk: of a policy that is made
  /// again from its definition.
  std::shared_ptr<const std::map<std::string, std::string>> files;
};

/// Immutable; shared by sessions and threads, and kept by those that began with it.
class Policy {
 public:
  /// `world` outlives the policy. The error is every mistake that was found.
  static tl::expected<std::shared_ptr<const Policy>, std::vector<Mistake>> load(
      PolicyOptions options, script::World& world);

  /// Of a stage, in the order they are asked.
  std::span<const Directive> directives(policy::Stage stage) const;
  /// What is probably not meant.
  const std::vector<Mistake>& warnings() const { return warnings_; }
  const Site& site() const { return options_.site; }
  const PolicyOptions& options() const { return options_; }
  script::World& world() const { return world_; }
  /// Whom a `delegate` hands messages to; null: it is none.
  std::shared_ptr<const SmtpService> delegate(const Directive& directive) const {
    return script_->service_of(index_of(directive));
  }
  /// Whether some are handed out and must be known again when they come back.
  bool has_delegates() const { return !receivers().empty(); }
  /// Where they come back to: "127.0.0.1:10026".
  const std::set<std::string>& receivers() const { return script_->receivers(); }
  /// Whether handed-out messages come back at this end of a connection.
  bool receives_at(const IpAddress& address, std::uint16_t port) const;
  /// As JSON, for load_definition(). Without keys and passwords.
  const std::string& definition() const { return definition_; }

  struct Ran {
    std::optional<Status> status;  ///< nullopt: it failed, or is an action
    std::string trouble;           ///< of one that failed: "main.vsl:3:5: rule 'x': ..."
    script::Spent spent;

    /// "deny: what it saw", for a trace; of an action nothing.
    std::string words() const;
  };
  /// Asks a directive. What it was told is added to the evidence's record; in Evidence::offline it
  /// is told script_answers. Secrets are left out of `trouble` and of the record.
  Task<Ran> run(const Directive& directive, Context& context) const;

 private:
  std::size_t index_of(const Directive& directive) const {
    return static_cast<std::size_t>(&directive - script_->directives().data());
  }
  Policy(PolicyOptions options, script::World& world);
  void make_definition(const std::map<std::string, std::string>& lists);

  /// The world, told places as scripts know them.
  class PlacedWorld;

  PolicyOptions options_;
  script::World& world_;
  std::unique_ptr<PlacedWorld> placed_;
  std::shared_ptr<const Script> script_;
  std::vector<Mistake> warnings_;
  std::string definition_;
};

/// What a directive said, as a trace has it.
policy::Step step_of(const Directive& directive, policy::Verdict verdict,
                     const script::Spent& spent);

/// A policy made again from Policy::definition(), offline. Fault::malformed.
Result<std::shared_ptr<const Policy>> load_definition(const json::object& definition);

}  // namespace postern::dialect::vsl
