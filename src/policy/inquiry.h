// The view of a session that layers and verifiers get: evidence to read, and ways to fetch more.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/task.h"
#include "policy/evidence.h"
#include "policy/tape.h"

namespace postern::policy {

/// Fetches evidence. The gateway implements it; tests and replay have their own.
class Gatherer {
 public:
  virtual ~Gatherer() = default;
  /// Fetches every item of `needs` that is missing. Does not throw: each item's type has a value
  /// for "could not be determined".
  virtual Task<void> gather(Need needs, Evidence& evidence) = 0;
  /// Asks DNS; the answer is appended to evidence.dns.
  virtual Task<void> ask(dns::Question question, Evidence& evidence);
  /// The message, from Stage::message on; nullopt if it is not kept.
  virtual std::optional<std::string_view> message();
  /// Whether a webhook owns the address.
  virtual bool is_ours(const mail::Mailbox& address);
  /// Asks another program; the reply is appended to evidence.consulted.
  virtual Task<void> consult(Consultation question, Evidence& evidence);
  /// Lets the client wait; only the running gateway does. The default returns at once.
  virtual Task<void> wait(std::chrono::seconds time);
  /// Called while a tape is played: a line that a script logs. The default drops it, since a
  /// replayed decision is not a current event.
  virtual void script_wrote(std::string_view level, std::string_view place, std::string_view text);
  /// Called while a tape is played: a script of `layer` asked for something that is not recorded.
  /// Called even if the script handles the error.
  virtual void script_lacked(std::string_view layer);
};

/// The items of `needs` that `evidence` lacks.
Need missing(Need needs, const Evidence& evidence);

/// The decision of one stage of one session. Layers get the evidence read-only: they add to it by
/// gathering and change it by returning effects (Ruling). Borrowed; not thread-safe: belongs to the
/// session's event loop.
class Inquiry {
 public:
  /// All arguments are borrowed and must outlive this object.
  Inquiry(Evidence& evidence, Gatherer& gatherer, Tape& tape)
      : evidence(evidence), tape(tape), all_(evidence), gatherer_(gatherer) {}
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  const Evidence& evidence;  ///< read-only view
  Tape& tape;                ///< of this decision

  /// Afterwards the items of `needs` are in the evidence; present ones are not fetched again.
  Task<void> gather(Need needs);
  /// As Gatherer::ask().
  Task<void> ask(dns::Question question) { return gatherer_.ask(std::move(question), all_); }
  /// As Gatherer::consult().
  Task<void> consult(Consultation question) { return gatherer_.consult(std::move(question), all_); }
  /// As Gatherer::wait(). A layer in shadow lets nobody wait.
  Task<void> wait(std::chrono::seconds time);
  /// As Gatherer::message().
  std::optional<std::string_view> message() { return gatherer_.message(); }
  /// As Gatherer::is_ours().
  bool is_ours(const mail::Mailbox& address) { return gatherer_.is_ours(address); }
  /// As Gatherer::script_wrote().
  void script_wrote(std::string_view level, std::string_view place, std::string_view text) {
    gatherer_.script_wrote(level, place, text);
  }
  /// As Gatherer::script_lacked().
  void script_lacked(std::string_view layer) { gatherer_.script_lacked(layer); }

  /// The scripts' values of the session; made on first use.
  ScriptSession& session();
  /// The dialects' values of the transaction.
  DialectMemory& memory() { return all_.kept; }

  /// Makes an accepted recipient the candidate again, for this object's lifetime.
  class Judging {
   public:
    /// Copies `recipient`; `inquiry` must outlive this object.
    Judging(Inquiry& inquiry, const Recipient& recipient) : all_(inquiry.all_) {
      all_.candidate = recipient;
    }
    ~Judging() { all_.candidate.reset(); }
    Judging(const Judging&) = delete;
    Judging& operator=(const Judging&) = delete;

   private:
    Evidence& all_;
  };

  /// The time in which a layer or policy is asked, perhaps in shadow. What one in shadow finds out
  /// must not change what others decide: at the end its DNS answers and replies are marked, and its
  /// verdicts are forgotten. An enforced layer finds them out itself, with queries of its own.
  class Trial {
   public:
    /// Does nothing without `shadow`. `inquiry` must outlive this object.
    Trial(Inquiry& inquiry, bool shadow);
    ~Trial();
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;

   private:
    Evidence& all_;
    const bool shadow_;
    const bool outer_;
    const std::size_t answers_;
    const std::size_t replies_;
    const Need lacked_;
    const bool author_;
  };

 private:
  Evidence& all_;
  Gatherer& gatherer_;
};

}  // namespace postern::policy
