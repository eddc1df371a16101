// Answers questions from a DNS zone in JSON (tests/suites/mailauth/README.md): for tests, and for
// examining a message offline. Needs Boost.JSON, which the library itself does not use.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/text.h"
#include "mailauth/evaluation.h"
#include "mailauth/names.h"

namespace mailauth::testing {

/// A DNS zone. Not thread-safe while add() runs.
class SuiteZone {
 public:
  SuiteZone() = default;
  /// A zone with the names of `zone`.
  explicit SuiteZone(const boost::json::object& zone) { add(zone); }
  /// Adds the names of `zone`; they replace names added before.
  void add(const boost::json::object& zone) {
    for (const auto& [name, entry] : zone) names_[postern::lower(name)] = entry.as_object();
  }

  /// The answer to a question. Follows up to 8 CNAME records; a longer chain gives `failure`.
  Answer resolve(const Question& question) const {
    std::string name = postern::lower(question.name);
    for (int hops = 0; hops < 8; ++hops) {
      const boost::json::object* entry = find(name);
      if (entry == nullptr) return {.status = Answer::Status::nx_domain, .records = {}};
      const std::string type = type_name(question.type);
      if (entry->contains("CNAME") && !entry->contains(type)) {
        name = postern::lower(std::string(entry->at("CNAME").as_array()[0].as_string()));
        if (!name.empty() && name.back() == '.') name.pop_back();
        continue;
      }
      return answer(*entry, type);
    }
    return {};  // a loop of aliases
  }

 private:
  static std::string type_name(RecordType type) {
    switch (type) {
      case RecordType::a:
        return "A";
      case RecordType::ptr:
        return "PTR";
      case RecordType::mx:
        return "MX";
      case RecordType::aaaa:
        return "AAAA";
      case RecordType::txt:
        break;
    }
    return "TXT";
  }
  /// The entry of `name` or of a wildcard above it; an empty entry when names exist below it.
  const boost::json::object* find(const std::string& name) const {
    static const boost::json::object nothing;
    if (const auto at = names_.find(name); at != names_.end()) return &at->second;
    for (const auto& [other, entry] : names_) {
      if (is_subdomain(other, name)) return &nothing;
    }
    for (std::string_view above = parent_domain(name); !above.empty();
         above = parent_domain(above)) {
      const auto at = names_.find("*." + std::string(above));
      if (at != names_.end()) return &at->second;
    }
    return nullptr;
  }
  static Answer answer(const boost::json::object& entry, const std::string& type) {
    const boost::json::value* records = entry.if_contains(type);
    if (records == nullptr) records = entry.if_contains("*");
    if (records == nullptr) return {.status = Answer::Status::no_data, .records = {}};
    if (records->is_string()) {
      const std::string_view fault = records->as_string();
      if (fault == "NODATA") return {.status = Answer::Status::no_data, .records = {}};
      if (fault == "NXDOMAIN") return {.status = Answer::Status::nx_domain, .records = {}};
      return {};
    }
    Answer out{.status = Answer::Status::found, .records = {}};
    for (const boost::json::value& record : records->as_array()) {
      out.records.push_back(type == "MX" ? mx(record.as_array()) : text(record));
    }
    return out;
  }
  static std::string mx(const boost::json::array& record) {
    const std::string host(record[1].as_string());
    return std::to_string(record[0].to_number<int>()) + " " + (host.empty() ? "." : host);
  }
  static std::string text(const boost::json::value& record) {
    if (record.is_string()) return std::string(record.as_string());
    std::string out;
    if (record.is_array()) {
      for (const boost::json::value& chunk : record.as_array()) out += text(chunk);
      return out;
    }
    const std::string hex(record.at("hex").as_string());
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return out;
  }

  std::map<std::string, boost::json::object> names_;
};

/// Runs an evaluation to its end with the answers of a zone. `asked`, if not null, gets the
/// questions.
template <class T>
T drive(Evaluation<T> evaluation, const SuiteZone& zone, std::vector<Question>* asked = nullptr) {
  while (const Question* question = evaluation.next()) {
    if (asked != nullptr) asked->push_back(*question);
    evaluation.feed(zone.resolve(*question));
  }
  return evaluation.result();
}

}  // namespace mailauth::testing
