#include "plan/vsl_classes.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::plan {

namespace vsl = dialect::vsl;

namespace {

constexpr std::size_t most_texts = 3000;  // of one part

using Texts = std::set<std::string>;

/// How a part spells what nothing names.
struct Spelling {
  std::string_view made;   ///< with {} for a number
  std::string_view shown;  ///< to people
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

/// The text in other case, as no word has it; empty: there is none.
std::string other_case(const std::string& word, const Texts& words) {
  std::string upper_text = word;
  for (char& c : upper_text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const std::string& one : {upper_text, lower(word)}) {
    if (one != word && !words.contains(one)) return one;
  }
  std::string mixed = lower(word);
  for (char& c : mixed) {
    if (c < 'a' || c > 'z') continue;
    c = static_cast<char>(c - 'a' + 'A');
    if (!words.contains(mixed)) return mixed;
  }
  return {};
}

TextClass exactly(const std::string& text) {
  return {.text = text, .words = text.empty() ? "none" : text};
}

TextClass spelt_otherwise(const std::string& text, const std::string& word) {
  return {.text = text, .stands = true, .words = word + " in another spelling"};
}

TextClass all_others(const Spelling& spelling, const Texts& words) {
  TextClass one;
  one.text = made_text(spelling.made, words);
  one.stands = true;
  one.made = true;
  if (is_unnamed(std::string(spelling.shown), words)) one.shown = spelling.shown;
  one.words = "any other";
  return one;
}

const TextClass& none() {
  static const TextClass one{.text = {}, .null = true, .words = "none"};
  return one;
}

void check_count(const std::vector<TextClass>& all, std::string_view part) {
  if (all.size() > most_texts) {
    throw TooManyClasses(fmt::format("{} are told apart into {} classes", part, all.size()));
  }
}

Texts words_of(const vsl::WatchedWords& words, std::string_view subject) {
  Texts all;
  const auto found = words.texts.find(subject);
  if (found == words.texts.end()) return all;
  for (const auto& set : found->second) all.insert(set.begin(), set.end());
  return all;
}

std::vector<TextClass> domains_of(const Texts& words, const Spelling& spelling, bool null) {
  std::vector<TextClass> all{all_others(spelling, words)};
  for (const std::string& word : words) {
    const auto mailbox = mail::parse_mailbox("a@" + word, mail::Utf8::allowed);
    // Domains are compared as they are sent on: no other spelling reaches a rule.
    if (mailbox && mailbox->domain == word) all.push_back(exactly(word));
  }
  if (null) all.push_back(none());
  check_count(all, "domains");
  return all;
}

std::vector<TextClass> locals_of(const Texts& words, const Spelling& spelling) {
  std::vector<TextClass> all{all_others(spelling, words)};
  Texts folded;
  for (const std::string& word : words) {
    const auto mailbox = mail::parse_mailbox(word + "@a.test", mail::Utf8::allowed);
    const bool is_local = mailbox && mailbox->local_part == word;
    if (is_local) all.push_back(exactly(word));
    if (!folded.insert(lower(word)).second) continue;
    if (const std::string other = other_case(word, words); is_local && !other.empty()) {
      all.push_back(spelt_otherwise(other, word));
    }
    // RFC 5321 §4.1.2: a quoted local part may be the same one.
    std::string inner;
    for (const char c : is_local ? mailbox->unquoted_local_part() : word) {
      if (c == '"' || c == '\\') inner += '\\';
      inner += c;
    }
    for (const std::string& quoted :
         {"\"" + inner + "\"", "\"\\" + inner + "\"", "\"" + lower(inner) + "\""}) {
      const auto other = mail::parse_mailbox(quoted + "@a.test", mail::Utf8::allowed);
      if (!other || !is_unnamed(quoted, words)) continue;
      all.push_back(spelt_otherwise(quoted, word));
      break;
    }
  }
  check_count(all, "local parts");
  return all;
}

std::vector<TextClass> helos_of(const Texts& words, const Spelling& spelling, bool null) {
  std::vector<TextClass> all{all_others(spelling, words)};
  Texts folded;
  for (const std::string& word : words) {
    if (word.empty()) continue;
    all.push_back(exactly(word));
    if (!folded.insert(lower(word)).second) continue;
    if (const std::string other = other_case(word, words); !other.empty()) {
      all.push_back(spelt_otherwise(other, word));
    }
    // The dot at the end of a name says nothing.
    std::string dotted = word + (word.ends_with('.') ? "" : ".");
    if (word.ends_with('.')) dotted.pop_back();
    if (mail::Domain::parse(word) && is_unnamed(dotted, words)) {
      all.push_back(spelt_otherwise(dotted, word));
    }
  }
  if (null) all.push_back(none());
  check_count(all, "names in HELO");
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
  all.helos = helos_of(words_of(words, vsl::subject_helo), {"Mx{}.Qzclient.test", "mx.client.test"},
                       with_lists);
  all.sender_domains = domains_of(words_of(words, vsl::subject_sender_domain),
                                  {"qzsender{}.test", "sender.test"}, true);
  add_bare(all.sender_domains);
  all.sender_locals = locals_of(words_of(words, vsl::subject_sender_local), {"Qz{}.Sender", "a"});
  all.rcpt_domains = domains_of(words_of(words, vsl::subject_rcpt_domain),
                                {"qzforeign{}.test", "foreign.test"}, false);
  add_bare(all.rcpt_domains);
  all.rcpt_locals = locals_of(words_of(words, vsl::subject_rcpt_local), {"Qz{}.Rcpt", "b"});
  return all;
}

}  // namespace postern::plan
