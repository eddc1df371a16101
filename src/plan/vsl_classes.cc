#include "plan/vsl_classes.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "mail/local_part.h"

namespace postern::plan {

namespace vsl = dialect::vsl;

namespace {

constexpr std::size_t most_texts = 3000;  // of one part

// Parts whose texts have other spellings: HELO and two local parts.
constexpr std::size_t spelt_parts = 3;

using Texts = std::set<std::string>;

/// How a part spells what nothing names.
struct PartSpelling {
  std::string_view made;   ///< with {} for a number
  std::string_view other;  ///< likewise, as long as it
  std::string_view shown;  ///< to people
};

/// A part whose texts have other spellings. Each has its own that stand for these: that two parts
/// are spelt alike is a question.
struct SpeltPart {
  const Texts& words;     ///< of the part
  const Texts& all;       ///< of all parts
  std::size_t number;     ///< no other part has it
  std::string_view name;  ///< for people
};

std::string made_text(std::string_view form, const Texts& words) {
  for (int number = 0;; ++number) {
    const std::string text =
        fmt::format(fmt::runtime(form), number == 0 ? std::string() : std::to_string(number));
    const std::string folded = lower(text);
    const bool is_free = std::ranges::none_of(words, [&](const std::string& word) {
      return lower(word).find(folded) != std::string::npos;
    });
    if (is_free) return text;
  }
}

/// Whether a text is none of the words, in any spelling.
bool is_unnamed(const std::string& text, const Texts& words) {
  return std::ranges::none_of(words, [&](const std::string& word) { return iequals(word, text); });
}

TextClass exactly(const std::string& text) {
  return {.text = text, .words = text.empty() ? "none" : text};
}

/// The text in all cases that no word has.
void add_cases(const SpeltPart& part, const std::string& text, const std::string& word,
               std::vector<TextClass>& all) {
  constexpr std::size_t enough = 12;  // more spellings than words
  const std::string plain = lower(text);
  std::vector<std::size_t> letters;
  for (std::size_t at = 0; at < plain.size() && letters.size() < enough; ++at) {
    if (plain[at] >= 'a' && plain[at] <= 'z') letters.push_back(at);
  }
  const std::size_t count = std::size_t{1} << letters.size();
  const auto spelt = [&](std::size_t capitals) {
    std::string made = plain;
    for (std::size_t at = 0; at < letters.size(); ++at) {
      if (((capitals >> at) & 1) == 0) continue;
      char& c = made[letters[at]];
      c = static_cast<char>(c - 'a' + 'A');
    }
    return made;
  };
  if (letters.size() <= 2) {
    for (std::size_t capitals = 0; capitals < count; ++capitals) {
      const std::string made = spelt(capitals);
      if (!part.words.contains(made)) all.push_back(exactly(made));
    }
    return;
  }
  // In mixed case, so that it is seen when it is converted.
  std::vector<std::string> spellings;
  for (std::size_t capitals = 1; capitals + 1 < count && spellings.size() < spelt_parts;
       ++capitals) {
    std::string made = spelt(capitals);
    if (!part.all.contains(made)) spellings.push_back(std::move(made));
  }
  // Another part's text is this one's other, so that each has one of its own in both.
  const std::string* const mine =
      part.number < spellings.size() ? &spellings[part.number] : nullptr;
  if (mine == nullptr || spellings.size() == 1) {
    throw TooManyClasses(
        fmt::format("{} name too many spellings of {}", part.name, printable(word, 100)));
  }
  all.push_back({.text = *mine,
                 .other = spellings[(part.number + 1) % spellings.size()],
                 .stands = true,
                 .words = word + " in another spelling"});
}

/// Of a word that is a local part only in quotes. Others have none: that is how the session reads
/// them (RFC 5321 §4.1.2).
void add_quoted_spellings(const SpeltPart& part, const std::string& word, Texts& folded,
                          std::vector<TextClass>& all) {
  const std::string quoted = mail::quoted_local_part(lower(word));
  const auto mailbox = mail::parse_mailbox(quoted + "@a.test", mail::Utf8::allowed);
  if (!mailbox || mailbox->local_part != quoted || !folded.insert(quoted).second) return;
  add_cases(part, quoted, word, all);
}

TextClass all_others(const PartSpelling& spelling, const Texts& words, const Texts& all) {
  TextClass one;
  one.text = made_text(spelling.made, all);
  one.other = made_text(spelling.other, all);
  one.stands = true;
  one.made = true;
  if (is_unnamed(std::string(spelling.shown), words)) one.shown = spelling.shown;
  one.words = "any other";
  return one;
}

const TextClass& no_text() {
  static const TextClass one{.text = {}, .null = true, .words = "none"};
  return one;
}

void check_count(const std::vector<TextClass>& all, std::string_view part) {
  if (all.size() > most_texts) {
    throw TooManyClasses(fmt::format("{} are told apart into {} classes", part, all.size()));
  }
}

Texts watched_texts(const vsl::WatchedWords& words, std::string_view subject) {
  Texts all;
  const auto found = words.texts.find(subject);
  if (found == words.texts.end()) return all;
  for (const auto& set : found->second) all.insert(set.begin(), set.end());
  return all;
}

std::vector<TextClass> domain_texts(const SpeltPart& part, const PartSpelling& spelling,
                                    bool null) {
  std::vector<TextClass> all{all_others(spelling, part.words, part.all)};
  for (const std::string& word : part.words) {
    const auto mailbox = mail::parse_mailbox("a@" + word, mail::Utf8::allowed);
    // Domains are compared as they are sent on: no other spelling reaches a rule.
    if (mailbox && mailbox->domain == word) all.push_back(exactly(word));
  }
  if (null) all.push_back(no_text());
  check_count(all, part.name);
  return all;
}

std::vector<TextClass> local_texts(const SpeltPart& part, const PartSpelling& spelling) {
  std::vector<TextClass> all{all_others(spelling, part.words, part.all)};
  Texts folded;
  for (const std::string& word : part.words) {
    const auto mailbox = mail::parse_mailbox(word + "@a.test", mail::Utf8::allowed);
    const bool is_local = mailbox && mailbox->local_part == word;
    if (is_local) all.push_back(exactly(word));
    if (!folded.insert(lower(word)).second) continue;
    if (is_local) {
      add_cases(part, word, word, all);
    } else {
      add_quoted_spellings(part, word, folded, all);
    }
  }
  check_count(all, part.name);
  return all;
}

std::vector<TextClass> helo_texts(const SpeltPart& part, const PartSpelling& spelling, bool null) {
  std::vector<TextClass> all{all_others(spelling, part.words, part.all)};
  Texts folded;
  for (const std::string& word : part.words) {
    if (word.empty()) continue;
    all.push_back(exactly(word));
    if (folded.insert(lower(word)).second) add_cases(part, word, word, all);
    // The dot at the end of a name says nothing.
    std::string dotted = word + (word.ends_with('.') ? "" : ".");
    if (word.ends_with('.')) dotted.pop_back();
    if (mail::Domain::parse(word) && is_unnamed(dotted, part.words) &&
        folded.insert(lower(dotted)).second) {
      add_cases(part, dotted, word, all);
    }
  }
  if (null) all.push_back(no_text());
  check_count(all, part.name);
  return all;
}

}  // namespace

const std::vector<std::string>& vsl_parts() {
  static const std::vector<std::string> all{
      std::string(vsl::subject_session),      std::string(vsl::subject_client),
      std::string(vsl::subject_helo),         std::string(vsl::subject_sender_domain),
      std::string(vsl::subject_sender_local), std::string(vsl::subject_rcpt_domain),
      std::string(vsl::subject_rcpt_local)};
  return all;
}

const std::vector<TextClass>* VslClasses::texts(std::string_view subject) const {
  if (subject == vsl::subject_helo) return &helos;
  if (subject == vsl::subject_sender_domain) return &sender_domains;
  if (subject == vsl::subject_sender_local) return &sender_locals;
  if (subject == vsl::subject_rcpt_domain) return &rcpt_domains;
  if (subject == vsl::subject_rcpt_local) return &rcpt_locals;
  return nullptr;
}

std::size_t VslClasses::count(std::string_view subject) const {
  if (subject == vsl::subject_session) return sessions.size();
  if (subject == vsl::subject_client) return clients.size();
  const auto* all = texts(subject);
  return all != nullptr ? all->size() : 0;
}

VslClasses classes_of(const vsl::WatchedWords& words, const ServedSessions& served,
                      bool with_lists) {
  // Where lists are in use, an address may lack its domain.
  const auto add_bare = [&](std::vector<TextClass>& domains) {
    const auto is_bare = [](const TextClass& one) { return !one.null && one.text.empty(); };
    if (with_lists && std::ranges::none_of(domains, is_bare)) domains.push_back(exactly(""));
  };
  VslClasses all;
  all.sessions = sessions_of(served, true, {"user"});
  std::vector<AddressRange> ranges;
  for (const auto& networks : words.networks) {
    for (const std::string& one : networks) {
      if (const auto network = Cidr::parse(one)) ranges.push_back(range_of(*network));
    }
  }
  all.clients = clients_of(ranges);
  Texts named;
  for (const auto& [subject, sets] : words.texts) named.merge(watched_texts(words, subject));
  const Texts helos = watched_texts(words, vsl::subject_helo);
  const Texts sender_domains = watched_texts(words, vsl::subject_sender_domain);
  const Texts sender_locals = watched_texts(words, vsl::subject_sender_local);
  const Texts rcpt_domains = watched_texts(words, vsl::subject_rcpt_domain);
  const Texts rcpt_locals = watched_texts(words, vsl::subject_rcpt_local);
  all.helos =
      helo_texts({helos, named, 0, "names in HELO"},
                 {"Mx{}.Qzclient.test", "Gw{}.Qzorigin.test", "mx.client.test"}, with_lists);
  all.sender_domains = domain_texts({sender_domains, named, 0, "domains"},
                                    {"qzsender{}.test", "qzauthor{}.test", "sender.test"}, true);
  add_bare(all.sender_domains);
  all.sender_locals =
      local_texts({sender_locals, named, 1, "local parts"}, {"Qz{}.Sender", "Qz{}.Author", "a"});
  all.rcpt_domains = domain_texts({rcpt_domains, named, 0, "domains"},
                                  {"qzforeign{}.test", "qzoutside{}.test", "foreign.test"}, false);
  add_bare(all.rcpt_domains);
  all.rcpt_locals =
      local_texts({rcpt_locals, named, 2, "local parts"}, {"Qz{}.Rcpt", "Qz{}.Dest", "b"});
  return all;
}

}  // namespace postern::plan
