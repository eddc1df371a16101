#include "plan/class_spelling.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::plan {

namespace {

/// A name below `key` that is no key and below no longer one.
std::string name_below(const std::string& key, const std::set<std::string>& taken,
                       const std::string& start) {
  return untaken([&](int number) { return numbered(start, number) + "." + key; },
                 [&](const std::string& one) { return taken.contains(one); });
}

}  // namespace

bool is_named(const std::string& name, const std::set<std::string>& keys) {
  for (std::size_t at = 0;;) {
    if (keys.contains(name.substr(at))) return true;
    const std::size_t dot = name.find('.', at);
    if (dot == std::string::npos) return false;
    at = dot + 1;
  }
}

std::string unrelated(const std::string& start, const std::set<std::string>& keys) {
  for (const std::string_view top : {"test", "example", "invalid", "example.net", "example.org"}) {
    std::string name = start + "." + std::string(top);
    if (!is_named(name, keys)) return name;
  }
  for (int i = 0;; ++i) {
    std::string name = start + ".t" + std::to_string(i);
    if (!is_named(name, keys)) return name;
  }
}

std::string numbered(const std::string& text, int number) {
  return number == 0 ? text : text + std::to_string(number);
}

Spelling unlike_keys(Spelling spelling, const Taken& taken) {
  // Neither alone nor completed, so as the first label of a name.
  spelling.one_label =
      untaken([&](int number) { return numbered(spelling.one_label, number); },
              [&](const std::string& one) {
                const auto completed = taken.domains.lower_bound(one + ".");
                return taken.domains.contains(one) ||
                       (completed != taken.domains.end() && completed->starts_with(one + "."));
              });
  const std::string host = spelling.number_last.substr(0, spelling.number_last.find('.'));
  spelling.number_last =
      untaken([&](int number) { return host + "." + std::to_string(123 + number); },
              [&](const std::string& one) { return is_named(one, taken.domains); });
  spelling.literal = untaken(
      [&](int number) {  // others of networks for measurements (RFC 2544)
        return number == 0 ? spelling.literal
                           : fmt::format("[198.18.{}.{}]", number / 256 % 256, number % 256);
      },
      [&](const std::string& one) { return taken.literals.contains(one); });
  if (spelling.extension.empty()) return spelling;
  const auto is_in_a_local_part = [&](const std::string& one) {
    return std::ranges::any_of(
        taken.locals, [&](const std::string& local) { return local.find(one) != local.npos; });
  };
  spelling.extension =
      untaken([&](int number) { return numbered(spelling.extension, number); }, is_in_a_local_part);
  return spelling;
}

Spelling unlike_all(Spelling spelling) {
  const std::string digits = std::to_string(std::random_device{}());
  for (std::string* text : {&spelling.other, &spelling.label, &spelling.plain, &spelling.any,
                            &spelling.extension, &spelling.one_label}) {
    *text += digits;
  }
  spelling.number_last = spelling.other + ".123";
  return spelling;
}

std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (!is_alnum(c) && static_cast<unsigned char>(c) < 0x80) pattern += '\\';
    pattern += c;
  }
  return pattern;
}
std::string below_pattern(std::string_view name) { return ".+\\." + literal_pattern(lower(name)); }

bool is_domain(const std::string& key) {
  return !key.empty() && key.find_first_of("@<> []") == std::string::npos;
}

std::set<std::string> bare_domains(const std::set<std::string>& keys) {
  std::set<std::string> domains;
  for (const std::string& key : keys) {
    const std::string name = key.starts_with('.') ? key.substr(1) : key;
    if (is_domain(name)) domains.insert(name);
  }
  return domains;
}

std::vector<std::string> names_around(const std::set<std::string>& keys, const Taken& taken,
                                      const Spelling& spelling) {
  std::vector<std::string> names;
  for (const std::string& key : keys) {
    names.push_back(key);
    names.push_back(name_below(key, taken.domains, spelling.label));
  }
  return names;
}

std::string unlike(const std::string& start, const std::set<std::string>& locals) {
  return untaken([&](int number) { return numbered(start, number); },
                 [&](const std::string& one) { return locals.contains(one); });
}

}  // namespace postern::plan
