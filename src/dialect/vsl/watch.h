// Looks on while directives run, and finds out what their results hang on: which parts of the
// dialogue were compared with what. Of a text that stands for many, whatever cannot be said for all
// of them is a question with an answer that the watcher gives (docs/plan.md, "`.vsl` rules").
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dialect/vsl/object.h"
#include "policy/inquiry.h"
#include "policy/verdict.h"
#include "smtp/limits.h"

struct lua_State;

namespace postern::dialect::vsl {

/// Parts of a dialogue by name.
inline constexpr std::string_view subject_session = "session";              ///< TLS and login
inline constexpr std::string_view subject_client = "client";                ///< its address
inline constexpr std::string_view subject_helo = "helo";                    ///< the name in EHLO
inline constexpr std::string_view subject_sender_domain = "sender.domain";  ///< or the null sender
inline constexpr std::string_view subject_sender_local = "sender.local";    ///< local part
inline constexpr std::string_view subject_rcpt_domain = "rcpt.domain";      ///< of the recipient
inline constexpr std::string_view subject_rcpt_local = "rcpt.local";        ///< local part

/// Questions about the message, and how many answers each has.
inline constexpr std::string_view evidence_spf = "spf";
inline constexpr std::size_t spf_values = 7;  ///< results
inline constexpr std::string_view evidence_dkim = "dkim";
inline constexpr std::size_t dkim_values = 7;  ///< results
inline constexpr std::string_view evidence_dmarc = "dmarc";
inline constexpr std::size_t dmarc_values = 7;  ///< questions::Dmarc::Says

/// Octets of a name in HELO, where lists judge it.
inline constexpr std::size_t longest_helo = smtp::Limits{}.command_line;

/// A question whose answer is given.
struct WatchedQuestion {
  std::size_t values = 2;  ///< of numbers: 0 to this
  std::string subject;     ///< the part of the dialogue that it is about; may be empty
  std::string test;        ///< "contains", "starts_with", "ends_with", "regex", "len", "is"
  std::string argument;    ///< of the test
};

/// All that was compared so far, in any run. It only grows.
struct WatchedWords {
  /// Texts that were compared with a part of the dialogue at once.
  std::map<std::string, std::set<std::set<std::string>>, std::less<>> texts;
  std::set<std::vector<std::string>> networks;  ///< lists of networks, with client
  std::map<std::string, WatchedQuestion, std::less<>> questions;  ///< by key
  bool grew = false;                                              ///< set when something is new
};

/// What follows the question of a directive that runs once more after STARTTLS.
inline constexpr std::string_view after_starttls = " after STARTTLS";

/// What a directive does instead of running.
struct Instead {
  bool failed = false;  ///< as an error of the script
  StatusPtr status;     ///< null for an action
  bool relays = false;  ///< grants the recipient a route, as check_rcpt_relay() does
};

/// Where in a dialogue a directive runs, in their order.
struct WatchedSpot {
  policy::Stage stage = policy::Stage::connect;  ///< of the directive
  bool again = false;                            ///< at EHLO after STARTTLS
  std::size_t directive = 0;                     ///< its index
  auto operator<=>(const WatchedSpot&) const = default;
};

/// Whether a function of the language ("equal"), a method ("m.len") or of the library ("s.log")
/// leaves nothing behind but its result.
bool only_looks(std::string_view function);

/// One watched dialogue. Not thread-safe.
class Watch {
 public:
  /// `words` outlives it.
  explicit Watch(WatchedWords& words) : words_(words) {}

  /// A text that stands for others, too.
  struct Stand {
    std::string subject;  ///< beginning with "?": nothing is known of the text
    std::string text;     ///< as the dialogue has it
    /// In lower case it stands for what the others are in lower case, and likewise in upper case.
    /// False: it stands for spellings of one word, which are the same there.
    bool folds = true;
    std::size_t longest = 255;  ///< octets of a text that it stands for
  };
  std::vector<Stand> stands;  ///< of this dialogue
  std::string sender;         ///< its text, if a part of it stands for others; else empty
  std::string recipient;      ///< likewise
  /// Texts that are not of the dialogue, such as the time, are others than without.
  bool others = false;
  std::map<std::string, std::size_t, std::less<>> answers;  ///< to questions; 0 to others
  /// A directive that does not run: the answer to this question says what it does. After STARTTLS
  /// that is another question.
  struct Replaced {
    std::string question;
    bool relays = false;  ///< it may grant a route
  };
  std::map<std::size_t, Replaced> replaced;  ///< by index
  /// What they may do, by answer; the first one is to pass. Those that grant a route come last.
  std::vector<Instead> ways;
  /// Directives in front of this spot pass without running, and so do those behind a first one that
  /// has passed: what they do is watched elsewhere.
  WatchedSpot from = {};
  /// Which directives at EHLO pass likewise.
  enum class Ehlo { none, in_clear, all };
  Ehlo ehlo_passes = Ehlo::none;  ///< in_clear: before STARTTLS

  /// What was looked at, in order: subjects, and keys of questions.
  const std::vector<std::string>& asked() const { return asked_; }
  /// Why the run says nothing: a directive did what cannot be watched.
  struct Blind {
    std::size_t directive = 0;  ///< its index
    std::string what;           ///< the function
  };
  const std::optional<Blind>& blind() const { return blind_; }  ///< nullopt: it can be used

  /// The first directive that was not passed over.
  struct First {
    WatchedSpot spot;       ///< where it ran
    std::size_t asked = 0;  ///< how much of asked() was asked when it ended
    /// It has left nothing behind, and the rules go on here. nullopt: it decides
    /// something, or what comes after it may depend on it.
    std::optional<WatchedSpot> next;
  };
  const std::optional<First>& first() const { return first_; }  ///< nullopt: none ran

  /// Whether the directive that runs has called a function which may leave something behind: any
  /// but those that only look.
  bool has_acted() const { return acted_; }

  /// A directive begins. What it does; null: it runs.
  const Instead* begins(const WatchedSpot& spot);
  /// It has ended. `next`: as in First.
  void ends(std::optional<WatchedSpot> next);
  /// Something is looked at.
  void look(std::string_view subject);
  /// The answer to a question.
  std::size_t ask(const std::string& key, WatchedQuestion question);
  /// The client is compared with networks.
  void client_in(const std::vector<Cidr>& networks);
  /// Evidence is gathered; the plan gives it.
  void gathers(policy::Need needs);
  /// Whether the client's address matches a pattern. nullopt: the address stands for itself.
  std::optional<bool> client_matches(const std::string& pattern);
  /// What follows cannot be watched. Throws Exhausted.
  [[noreturn]] void stop(std::string_view what);
  /// Notes it without stopping.
  void note_blind(std::string_view what);

  /// A function of the language ("equal"), a method ("m.len") or of the library ("s.log") is about
  /// to be called with the values from stack index 2. True: the value on top of the stack is its
  /// result. Throws Exhausted.
  bool replaces(lua_State* L, std::string_view function);

 private:
  class Look;
  bool passes(const WatchedSpot& spot) const {
    const bool at_ehlo = spot.stage == policy::Stage::helo;
    return spot < from || (at_ehlo && (ehlo_passes == Ehlo::all ||
                                       (ehlo_passes == Ehlo::in_clear && !spot.again)));
  }

  WatchedWords& words_;
  std::size_t directive_ = 0;
  WatchedSpot spot_ = {};
  bool header_changed_ = false;
  bool acted_ = false;
  std::optional<First> first_;
  std::size_t made_ = 0;  ///< octets that were made of stand-ins
  std::vector<std::string> asked_;
  std::optional<Blind> blind_;
  /// Lists that no stand is in.
  std::map<const Object*, ObjectPtr> clean_;
};

/// The watch of this thread; null: nobody looks.
Watch* watching();

/// Sets it for a scope.
class Watched {
 public:
  explicit Watched(Watch& watch);
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  Watch* before_;
};

}  // namespace postern::dialect::vsl
