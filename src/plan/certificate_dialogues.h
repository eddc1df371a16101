// Dialogues that the checker of a certificate plays: members of its classes.
#pragma once

#include <array>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/certificate_text.h"
#include "plan/classes.h"

namespace postern::plan::certified {

/// What a client does, and what the world answers.
struct Said {
  std::array<std::size_t, axes> classes{};
  IpAddress client;
  std::string name_kind, client_name, helo;
  bool tls = false;
  app::Early early = app::Early::never;
  std::optional<std::string> login;
  std::optional<mail::Mailbox> sender;
  mail::Mailbox recipient;
  std::vector<std::size_t> answers;  ///< by question
  /// A member, and what stands for it in the questions.
  std::vector<std::pair<std::string, std::string>> renamed;

  /// For messages.
  std::string text() const;
};

/// Where a name or a local part stands in a text, at `begin` or behind it; npos: nowhere. In the
/// middle of a word it does not.
std::size_t place_of(std::string_view member, std::string_view text, std::size_t begin);
/// The question with the members that stand for those which were said.
std::string stands_for(std::string text, const Said& said);

/// A value of a variable that a path does not have.
inline constexpr std::size_t unset = static_cast<std::size_t>(-1);

/// Draws dialogues, the same for the same seed and the same number of a part. Not thread-safe.
class Drawing {
 public:
  /// `text` outlives it.
  Drawing(const CertificateText& text, const ServedSessions& served, unsigned seed,
          std::size_t part)
      : text_(text), served_(served) {
    std::seed_seq from{static_cast<std::size_t>(seed), part};
    random_.seed(from);
  }

  /// A number below this one, which is below 2^31. Cheap; that some are drawn a little more often
  /// does not matter.
  std::size_t below(std::size_t limit) { return (random_() * limit) >> 31; }
  /// A value of the variable.
  std::size_t value_of(std::size_t variable) { return below(text_.values_of(variable)); }
  /// A word that nobody has written.
  std::string fresh();
  /// Any dialogue.
  Said drawn();
  /// The dialogue of a path; `others`: with other members than those that stand for the classes.
  Said said_by(const std::vector<std::size_t>& values, bool others);

  /// Whether the client's name and the answer about its addresses exclude each other: a verified
  /// name has the client's address, and the addresses of others can be looked up, or not.
  bool contradicts(const std::vector<std::size_t>& values) const;
  /// Whether the path says what a pattern finds.
  bool asks_pattern(const std::vector<std::size_t>& values) const;

 private:
  IpAddress member_of(const Members& from);
  std::string renamed_to(const std::string& text, const Members& members, Said& said, bool others);
  mail::Mailbox mailbox(const Members& members, Said& said, bool others);

  const CertificateText& text_;
  const ServedSessions served_;
  std::minstd_rand random_;  ///< of 31 bits
};

}  // namespace postern::plan::certified
