// Recorded traffic under a draft: what another engine would have answered, from the record alone.
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

namespace postern::dialect {

/// Outlives the replays that use it; shared by threads.
struct Draft {
  policy::Engine engine;
  /// For verdicts that the record has no value for but all DNS answers of.
  policy::AuthenticationOptions authentication;
};

enum class Change { same, newly_refused, newly_accepted, changed, undecidable };
inline constexpr std::size_t change_count = 5;

/// Which rule refused, as its step names it.
struct RuleName {
  std::string layer;
  std::string check;
  std::string origin;
  auto operator<=>(const RuleName&) const = default;
};

/// What the record would have to hold for the draft to be decided.
struct Lack {
  std::string kind;     ///< "DNS answers of type A"
  std::string example;  ///< "7.100.51.198.bl.example.org"; may be empty
};

/// One decision under the draft.
struct Replayed {
  policy::Stage stage = policy::Stage::connect;
  Change change = Change::same;
  std::string recipient;  ///< at Stage::rcpt
  // Of what is not the same:
  std::string recorded;  ///< "550 5.7.1 …", "accepted", "accepted, held"
  std::string draft;     ///< likewise; empty when it is undecidable
  std::optional<RuleName> recorded_rule;
  std::optional<RuleName> draft_rule;
  smtp::Reply draft_reply{.code = 0, .enhanced = {}, .text = {}};  ///< of a refusal by the draft
  std::string draft_detail;                                        ///< what the refusing rule saw
  Lack lack;                                                       ///< of Change::undecidable
};

/// What scripts write to their log while recorded decisions are made again: each line once, and not
/// without end. It belongs to the result; the log of the gateway is about what happens now.
class ScriptLog {
 public:
  static constexpr std::size_t most = 100;
  static constexpr std::size_t longest = 500;  ///< octets of a line

  void add(std::string_view level, std::string_view place, std::string_view text);
  void add(const ScriptLog& other);
  /// "error policy.lua:3: text", the same whatever the order they came in.
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }
  /// Lines beyond those kept, repetitions of them included.
  std::uint64_t left_out() const { return left_out_; }

 private:
  std::set<std::string> lines_;
  std::uint64_t left_out_ = 0;
};

/// What a live answer of DNS is that did not come: evidence, as it is for mail that comes now, or
/// something that the record lacks.
enum class DnsTrouble : std::uint8_t { decides, lacks };

/// `live` is asked for DNS answers that the trace does not hold; null: nobody is. `log`: what
/// scripts write; null: it is dropped.
///
/// Decides a recorded transaction again. A command that the draft newly refuses ends what hangs on
/// it: nothing after it is reported. Where the draft would have let the client go on and the record
/// ends, one undecidable entry stands for what never came. Shadow layers of the draft change
/// nothing. Policies of webhooks are those the trace was read with.
Task<std::vector<Replayed>> replay(const policy::Trace& trace, const Draft& draft,
                                   dns::Resolver* live = nullptr, ScriptLog* log = nullptr,
                                   DnsTrouble trouble = DnsTrouble::decides);

/// Like definition_source() for many traces: `text` is asked once for each policy, and engines,
/// which no draft needs, are not asked for at all. Not for several threads at a time.
policy::DefinitionSource replay_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text);

}  // namespace postern::dialect
