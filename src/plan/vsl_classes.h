// The classes of dialogues that `.vsl` rules tell apart (docs/plan.md, "`.vsl` rules").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/watch.h"
#include "plan/classes.h"

namespace postern::plan {

/// Which text, and which client, stands for a class.
enum class Member { one, other };

/// A text of a dialogue.
struct TextClass {
  std::string text;     ///< stands for all
  std::string other;    ///< likewise, told from it by no word; empty if it is alone
  bool stands = false;  ///< it is not alone
  bool made = false;    ///< of all texts that nothing names; else of spellings of one word
  bool null = false;    ///< there is none: the null sender, no HELO
  std::string shown;    ///< a nicer one, where it does not matter; may be empty
  std::string words;    ///< for people

  const std::string& text_of(Member member) const {
    return member == Member::one || other.empty() ? text : other;
  }
};

/// The values of the parts of a dialogue. The first of each stands for what nothing names.
struct VslClasses {
  std::vector<SessionClass> sessions;
  std::vector<ClientClass> clients;
  std::vector<TextClass> helos;
  std::vector<TextClass> sender_domains;
  std::vector<TextClass> sender_locals;
  std::vector<TextClass> rcpt_domains;
  std::vector<TextClass> rcpt_locals;

  /// Of a text; null: it is no text.
  const std::vector<TextClass>* texts(std::string_view subject) const;
  /// How many values a part has; 0: there is no such part.
  std::size_t count(std::string_view subject) const;
};

/// The names of all parts, in the order of their variables.
const std::vector<std::string>& vsl_parts();

/// The classes of all that was compared. `with_lists`: a client may leave HELO out, and addresses
/// may lack their domain. Throws TooManyClasses.
VslClasses classes_of(const dialect::vsl::WatchedWords& words, const ServedSessions& served,
                      bool with_lists);

}  // namespace postern::plan
