// Replays recorded traffic with a draft configuration: what another engine would have decided.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "dns/resolver.h"
#include "policy/authentication.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::replay {

/// A draft to replay with. Thread-safe; must outlive its replays.
struct Draft {
  policy::Engine engine;  ///< its layers
  /// For verdicts that are not recorded but whose DNS answers are.
  policy::AuthenticationOptions authentication;
};

/// How a decision differs under the draft.
enum class Change { same, newly_refused, newly_accepted, changed, undecidable };
/// Number of enumerators.
inline constexpr std::size_t change_count = 5;

/// The rule that refused, from its step.
struct RuleName {
  std::string layer;   ///< Step::layer
  std::string check;   ///< Step::check
  std::string origin;  ///< Step::origin
  auto operator<=>(const RuleName&) const = default;
};

/// Evidence that the draft needs and the record does not have.
struct Lack {
  std::string kind;     ///< "DNS answers of type A"
  std::string example;  ///< "7.100.51.198.bl.example.org"; may be empty
};

/// A decision with the draft.
struct Replayed {
  policy::Stage stage = policy::Stage::connect;  ///< decided
  Change change = Change::same;                  ///< compared with the record
  std::string recipient;                         ///< address, at Stage::rcpt
  // If it is not the same:
  std::string recorded;                   ///< "550 5.7.1 …", "accepted", "accepted, held"
  std::string draft;                      ///< the same form; empty if undecidable
  std::optional<RuleName> recorded_rule;  ///< nullopt: not refused
  std::optional<RuleName> draft_rule;     ///< nullopt: not refused
  smtp::Reply draft_reply{.code = 0, .enhanced = {}, .text = {}};  ///< if the draft refuses
  std::string draft_detail;                                        ///< detail of the refusing rule
  Lack lack;                                                       ///< with Change::undecidable
};

/// Log lines of scripts during a replay: each once, a limited number. They belong to the result;
/// the gateway's log is about current events. Not thread-safe.
class ScriptLog {
 public:
  /// Number of lines at most.
  static constexpr std::size_t most = 100;
  static constexpr std::size_t longest = 500;  ///< octets of a line at most

  /// Adds a line, cut to `longest`.
  void add(std::string_view level, std::string_view place, std::string_view text);
  /// Adds the lines and the count of another log.
  void add(const ScriptLog& other);
  /// "error policy.lua:3: text", sorted.
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }
  /// Lines that were not kept, including repetitions of them.
  std::uint64_t left_out() const { return left_out_; }

 private:
  std::set<std::string> lines_;
  std::uint64_t left_out_ = 0;
};

/// How a failed live DNS lookup counts: as evidence, as for current mail, or as missing from the
/// record.
enum class DnsTrouble : std::uint8_t { decides, lacks };

/// Replays a recorded transaction. `live`: for DNS answers that the trace does not have; null: they
/// are missing. `log`: for lines of scripts; null: they are dropped.
///
/// After a command that the draft newly refuses, dependent decisions are not reported. If the draft
/// lets the client continue where the record ends, one undecidable entry stands for the rest.
/// Shadow layers of the draft change nothing. Webhook policies are those that the trace was read
/// with.
Task<std::vector<Replayed>> replay(const policy::Trace& trace, const Draft& draft,
                                   dns::Resolver* live = nullptr, ScriptLog* log = nullptr,
                                   DnsTrouble trouble = DnsTrouble::decides);

/// As definition_source(), for many traces: calls `text` once per policy, and never for engines,
/// which a draft replaces. Not thread-safe.
policy::DefinitionSource replay_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text);

}  // namespace postern::replay
