// How the classes of dialogues are spelled: texts that no key of a table is, for what stands for
// many (plan/classes.h).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postern::plan {

/// The first of these texts that is not taken.
template <class Text, class IsTaken>
std::string untaken(const Text& text, const IsTaken& is_taken) {
  for (int number = 0;; ++number) {
    std::string one = text(number);
    if (!is_taken(one)) return one;
  }
}

/// The text, and from the second on with a number.
std::string numbered(const std::string& text, int number);

/// How one part of a dialogue spells what stands for many. Each part has texts of its own, also
/// where it has the keys of another: a question is known by its text, and one that was asked about
/// the sender has its own answer beside one about the recipient.
struct Spelling {
  std::string other;             ///< begins a domain that no key names
  std::string label;             ///< of a name below a key
  std::string plain = {};        ///< a local part at that domain
  std::string any = {};          ///< a local part elsewhere
  std::string extension = {};    ///< behind a delimiter
  std::string one_label = {};    ///< a domain of one label
  std::string number_last = {};  ///< a domain that ends in a number
  std::string literal = {};      ///< an address in the place of a domain
};
inline const Spelling client_name_spelling{.other = "host.fresh", .label = "c"};
inline const Spelling helo_spelling{.other = "mx.client",
                                    .label = "k",
                                    .one_label = "bare",
                                    .number_last = "host.123",
                                    .literal = "[192.0.2.9]"};
inline const Spelling sender_spelling{.other = "sender",
                                      .label = "h",
                                      .plain = "a",
                                      .any = "x",
                                      .extension = "ext",
                                      .one_label = "dotless",
                                      .number_last = "sender.123",
                                      .literal = "[203.0.113.99]"};
inline const Spelling recipient_spelling{.other = "foreign",
                                         .label = "d",
                                         .plain = "b",
                                         .any = "y",
                                         .extension = "detail",
                                         .one_label = "nodots",
                                         .number_last = "foreign.123",
                                         .literal = "[203.0.113.98]"};

/// What the versions name, in whatever part of the dialogue.
struct Taken {
  std::set<std::string> domains;
  std::set<std::string> locals;
  std::set<std::string> literals;  ///< addresses in the place of a domain
};

/// The same part, spelled with texts that no key is: what a table knows by name stands for itself
/// alone.
Spelling unlike_keys(Spelling spelling, const Taken& taken);
/// The same part, spelled as nobody knows in advance who chooses addresses of webhooks.
Spelling unlike_all(Spelling spelling);

/// Whether one of the keys is the name or a parent of it.
bool is_named(const std::string& name, const std::set<std::string>& keys);
/// A name that is no key and below none.
std::string unrelated(const std::string& start, const std::set<std::string>& keys);
/// A local part that none of these is.
std::string unlike(const std::string& start, const std::set<std::string>& locals);
/// A key of a list of domains that is a name.
bool is_domain(const std::string& key);
/// Domains without their leading dots.
std::set<std::string> bare_domains(const std::set<std::string>& keys);
/// Each key and a name below it.
std::vector<std::string> names_around(const std::set<std::string>& keys, const Taken& taken,
                                      const Spelling& spelling);

/// A pattern of this text alone.
std::string literal_pattern(std::string_view text);
/// The names below this one.
std::string below_pattern(std::string_view name);

}  // namespace postern::plan
