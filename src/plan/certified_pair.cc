#include "plan/certified_pair.h"

#include <algorithm>
#include <functional>
#include <optional>

#include <boost/json.hpp>

#include "base/text.h"
#include "plan/certificate_text.h"
#include "plan/samples.h"
#include "plan/settings_answers.h"
#include "policy/json_octets.h"

namespace postern::plan::certified {

namespace {

/// Texts that the patterns of a table may find: "/^a[0-9]@/ REJECT", "%^a%i REJECT".
void add_samples(std::string_view text, std::set<std::string>& words) {
  constexpr std::size_t most = 3;  // of a pattern
  constexpr std::string_view before = " \t\r\n{!";
  constexpr std::string_view no_delimiters = " {}\\";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char sign = text[at];
    const bool may_begin = is_printable_ascii(sign) && !is_alnum(sign) &&
                           no_delimiters.find(sign) == std::string_view::npos &&
                           (at == 0 || before.find(text[at - 1]) != std::string_view::npos);
    if (!may_begin) continue;
    const std::size_t begin = at + 1;
    std::size_t end = begin;
    while (end < text.size() && text[end] != sign && text[end] != '\n') {
      end += text[end] == '\\' && end + 1 < text.size() ? 2 : 1;
    }
    if (end >= text.size() || text[end] == '\n') continue;
    const auto samples = samples_of(text.substr(begin, end - begin));
    words.insert(samples.begin(),
                 samples.begin() + static_cast<std::ptrdiff_t>(std::min(most, samples.size())));
  }
}

/// Of both: each is of some class, and is judged as this class is.
std::set<std::string> words_of_versions(const std::array<const CertifiedVersion*, 2>& versions) {
  std::set<std::string> words;
  const std::function<void(const json::value&)> collect = [&](const json::value& value) {
    if (value.is_object()) {
      const json::object& object = value.get_object();
      if (object.size() == 1 && object.contains("base64")) {
        collect(json::value(policy::octets_of(value)));
        return;
      }
      for (const auto& [key, inner] : object) {
        if (key != "places") collect(inner);
      }
    } else if (value.is_array()) {
      for (const json::value& inner : value.get_array()) collect(inner);
    } else if (value.is_string()) {
      add_samples(value.get_string(), words);
      const std::string text = lower(std::string(value.get_string()));
      constexpr std::string_view ends = " \t\r\n,{}=\"'|!";
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of(ends, at), text.size());
        if (end > at && end - at < 255) words.insert(text.substr(at, end - at));
        at = end + 1;
      }
    }
  };
  for (const CertifiedVersion* version : versions) {
    collect(json::parse(version->lists->definition));
  }
  return words;
}

}  // namespace

std::vector<IpAddress> clients_near(const std::string& word) {
  std::string text = word;
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  const std::size_t slash = text.find('/');
  std::optional<std::uint64_t> bits;
  if (slash != std::string::npos) {
    bits = parse_number(text.substr(slash + 1));
    text.resize(slash);
  }
  auto address = IpAddress::from_text(text);
  if (!address && !bits) {
    const char sign = text.find(':') == std::string::npos ? '.' : ':';
    const auto groups = static_cast<std::uint64_t>(std::ranges::count(text, sign) + 1);
    std::string filled = text;
    if (sign == ':') {
      filled += "::";
    } else {
      for (auto more = groups; more < 4; ++more) filled += ".0";
    }
    address = IpAddress::from_text(filled);
    bits = groups * (sign == ':' ? 16 : 8);
  }
  if (!address) return {};
  std::vector<IpAddress> near{*address};
  if (bits && *bits <= static_cast<std::uint64_t>(address->bits())) {
    const AddressRange range = range_of(Cidr(*address, static_cast<int>(*bits)));
    near = {range.first, range.last};
    if (const auto next = after(range.last)) near.push_back(*next);
  }
  return near;
}

CertifiedPair::CertifiedPair(const CertifiedVersion& before, const CertifiedVersion& after)
    : versions{&before, &after}, served(either(before.served, after.served)), lists{} {
  for (std::size_t side = 0; side < 2; ++side) {
    if (versions[side]->lists == nullptr) throw Wrong("a version has no restriction lists");
    lists[side] = versions[side]->lists->compiled.policy.get();
  }
  words = words_of_versions(versions);
  names = words;
  for (const std::string& word : words) {
    const std::size_t at = word.rfind('@');
    if (at != std::string::npos) names.insert(word.substr(at + 1));
  }
  by_settings = answers_by_settings(before.lists->definition, after.lists->definition);
  told.answers = by_settings;
  for (const auto* policy : lists) told.add(*policy);
}

}  // namespace postern::plan::certified
