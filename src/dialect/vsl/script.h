// A policy of `.vsl` files that has loaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/compiler.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/object.h"
#include "dialect/vsl/service.h"
#include "script/program.h"

namespace postern::dialect::vsl {

/// What a directive may use, and what values may grow to. Beyond it the directive is stopped, and
/// no `catch` of the script's sees that.
struct ScriptLimits {
  script::Limits call{.instructions = 1'000'000,
                      .memory = 64u << 20,
                      .time = std::chrono::seconds(300),
                      .computing = std::chrono::milliseconds(250)};
  int depth = 64;                 ///< calls in one another
  std::size_t string = 1u << 20;  ///< octets
  std::size_t array = 10'000;     ///< entries of an array or a map
};

struct ScriptOptions {
  ScriptLimits limits;
  /// Of the policy directory; relative names in scripts are below the file's own folder in it.
  script::Files files;
  /// The host's functions, "vsl.NAME". Of these the scripts' words need:
  ///   vsl.predefined(name)                            names that nothing declares
  ///   vsl.toml(name)                                  `toml::name`
  ///   vsl.make_service(name, kind, content, options)  `service name kind:content = options`
  ///   vsl.call_service(service, method, ...)          `service.method(...)`
  std::vector<script::HostTable> tables;
  FindFunction find;           ///< signature_of
  const Site* site = nullptr;  ///< what files may ask while they load; outlives the script
  script::RunToEnd run;
  std::size_t states = 1;  ///< made at once; further threads make their own
};

/// Immutable; shared by sessions and threads. Values that a file made while it loaded cannot be
/// changed later: what one message does is nothing to the next.
class Script {
 public:
  using Options = ScriptOptions;
  /// Every file runs, imports first. `world` outlives the script.
  static tl::expected<std::shared_ptr<const Script>, Mistake> load(Sources sources, Options options,
                                                                   script::World& world);

  /// By stage, and in a stage as they stand in the file.
  const std::vector<Directive>& directives() const { return compiled_.directives; }
  const Sources& sources() const { return sources_; }
  /// Whom a delegation hands messages to, by the directive's index; null for others.
  std::shared_ptr<const SmtpService> service_of(std::size_t directive) const;
  script::World& world() const { return world_; }

  /// Why a directive came to no end.
  struct Trouble {
    Mistake what;  ///< where it went wrong, and the sentence; without secrets
    script::Stopped stopped = script::Stopped::no;
  };
  struct Ran {
    StatusPtr status;  ///< of a rule or a delegation; null: trouble, or an action
    std::optional<Trouble> trouble;
  };
  /// Calls a directive, by its index. `call` outlives the task; its limits are ScriptLimits::call.
  Task<Ran> run(std::size_t directive, script::Call& call) const;

  /// Where messages that were handed out come back to: "127.0.0.1:10027".
  const std::set<std::string>& receivers() const { return receivers_; }

  /// "main.vsl:3:5" of a place as script::State::place() says it, "policy:57"; others as they are.
  std::string place_of(std::string_view place) const;

 private:
  Script(Sources sources, ScriptOptions options, script::World& world)
      : sources_(std::move(sources)), options_(std::move(options)), world_(world) {}
  /// What the virtual machine says, in words of the scripts. `file` and `at`: where it says no
  /// place.
  Trouble trouble_of(const script::Raised& raised, std::string file, Position at) const;

  Sources sources_;
  ScriptOptions options_;
  script::World& world_;
  Compiled compiled_;
  std::set<std::string> receivers_;
  std::shared_ptr<script::Program> program_;
  std::map<std::size_t, std::shared_ptr<const SmtpService>> services_;
};

}  // namespace postern::dialect::vsl
