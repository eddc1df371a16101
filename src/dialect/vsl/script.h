// A loaded set of `.vsl` files.
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

/// Limits of a directive and of the values that it makes. A directive that exceeds one is stopped,
/// which a script's `catch` does not see.
struct ScriptLimits {
  /// Of the Lua call: Lua instructions, octets of memory, time in all, and time of computing.
  script::Limits call{.instructions = 1'000'000,
                      .memory = 64u << 20,
                      .time = std::chrono::seconds(300),
                      .computing = std::chrono::milliseconds(250)};
  int depth = 64;                 ///< nested calls
  std::size_t string = 1u << 20;  ///< of a string, in octets
  std::size_t array = 10'000;     ///< entries of an array or a map
};

/// How to load a script.
struct ScriptOptions {
  ScriptLimits limits;  ///< of one directive
  /// Access to the policy directory. Relative names in a script are relative to its own file.
  script::Files files;
  /// The host functions, "vsl.NAME". The language itself needs these:
  ///   vsl.predefined(name)                            names that nothing declares
  ///   vsl.toml(name)                                  `toml::name`
  ///   vsl.make_service(name, kind, content, options)  `service name kind:content = options`
  ///   vsl.call_service(service, method, ...)          `service.method(...)`
  std::vector<script::HostTable> tables;
  FindFunction find;  ///< signature_of
  /// Configuration that files may read while they load; outlives the script.
  const Site* site = nullptr;
  script::RunToEnd run;    ///< runs a task to its end, for the load
  std::size_t states = 1;  ///< Lua states made at once; further threads make their own
  bool watched = false;    ///< the Watch of the thread sees each call
};

/// Immutable; shared by sessions and threads. Values that a file made while it loaded cannot be
/// changed later, so that one message does not affect the next.
class Script {
 public:
  using Options = ScriptOptions;  ///< short name
  /// Compiles and runs every file, imports first. Blocks. `world` must outlive the script. The
  /// error is the first mistake.
  static tl::expected<std::shared_ptr<const Script>, Mistake> load(Sources sources, Options options,
                                                                   script::World& world);

  /// By stage, then in the order of the entry file.
  const std::vector<Directive>& directives() const { return compiled_.directives; }
  const Sources& sources() const { return sources_; }  ///< of load()
  /// The service of a delegation, by the directive's index; null for other directives.
  std::shared_ptr<const SmtpService> service_of(std::size_t directive) const;
  script::World& world() const { return world_; }  ///< of load()

  /// Why a directive did not finish.
  struct Trouble {
    Mistake what;                                   ///< the place and the sentence, without secrets
    script::Stopped stopped = script::Stopped::no;  ///< the limit that was exceeded, if any
  };
  /// The outcome of a directive.
  struct Ran {
    StatusPtr status;  ///< of a rule or a delegation; null: it failed, or is an action
    std::optional<Trouble> trouble;  ///< nullopt: it did not fail
  };
  /// Runs a directive, by its index. `call` must outlive the task; its limits should be
  /// ScriptLimits::call.
  Task<Ran> run(std::size_t directive, script::Call& call) const;

  /// The addresses where delegated messages come back: "127.0.0.1:10027".
  const std::set<std::string>& receivers() const { return receivers_; }

  /// Translates a place of script::State::place(), "policy:57", to "main.vsl:3:5"; other texts are
  /// unchanged.
  std::string place_of(std::string_view place) const;

 private:
  Script(Sources sources, ScriptOptions options, script::World& world)
      : sources_(std::move(sources)), options_(std::move(options)), world_(world) {}
  /// Translates an error of the virtual machine. `file` and `at` are used if it has no place.
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
