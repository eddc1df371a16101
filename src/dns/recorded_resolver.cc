#include "dns/recorded_resolver.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/domain_below.h"
#include "base/text.h"
#include "dns/record_types.h"

namespace postern::dns {
namespace json = boost::json;

namespace {

constexpr std::chrono::seconds default_ttl{60};

std::string normal(std::string_view name) {
  while (!name.empty() && name.back() == '.') name.remove_suffix(1);
  return lower(name);
}

/// Octets: a string, or `{"hex": …}` or `{"base64": …}` if they are not UTF-8.
std::string octets(const json::value& value) {
  if (value.is_string()) return std::string(value.as_string());
  const json::object& object = value.as_object();
  if (const json::value* base64 = object.if_contains("base64"))
    return base64_decode(base64->as_string()).value();
  const std::string_view hex = object.at("hex").as_string();
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::string word(const json::value& value) {
  return value.is_string() ? std::string(value.as_string())
                           : std::to_string(value.to_number<std::uint64_t>());
}

/// A record of the zone form in the text form of Answer::records. Throws if it is malformed.
std::string record_text(Type type, const json::value& value) {
  switch (type) {
    case Type::a:
    case Type::aaaa: {
      const Result<IpAddress> address = IpAddress::parse(value.as_string());
      if (!address) throw std::invalid_argument(address.error().message);
      return address->to_string();
    }
    case Type::cname:
    case Type::ns:
    case Type::ptr:
      return normal(value.as_string());
    case Type::mx: {
      const std::string preference = word(value.as_array().at(0));
      const auto number = parse_number(preference);
      if (!number || *number > 65535) throw std::invalid_argument("no preference");
      return preference + " " + normal(value.as_array().at(1).as_string());
    }
    case Type::txt: {
      if (!value.is_array()) return octets(value);
      std::string joined;
      for (const json::value& chunk : value.as_array()) joined += octets(chunk);
      return joined;
    }
    case Type::caa:
      return octets(value);
    case Type::tlsa: {
      if (value.is_string()) return lower(value.as_string());
      std::string text;
      for (const json::value& part : value.as_array())
        text += (text.empty() ? "" : " ") + word(part);
      return lower(text);
    }
  }
  throw std::invalid_argument("unknown type");
}

/// An entry that has another form than the one that it must have.
struct WrongForm {
  std::string what;  ///< a part of a sentence
};

/// Records as a zone has them, as an example.
std::string_view example_of(Type type) {
  switch (type) {
    case Type::a:
      return R"(["192.0.2.1"])";
    case Type::aaaa:
      return R"(["2001:db8::1"])";
    case Type::cname:
    case Type::ns:
    case Type::ptr:
      return R"(["host.example.org"])";
    case Type::mx:
      return R"([[10, "mx.example.org"]])";
    case Type::txt:
      return R"(["v=spf1 -all"])";
    case Type::caa:
      return R"([{"hex": "000569737375653b"}])";
    case Type::tlsa:
      return R"([[3, 1, 1, "0123..ef"]])";
  }
  return {};
}

constexpr std::string_view failures = R"("NXDOMAIN", "NODATA", "SERVFAIL" or "TIMEOUT")";

std::string shown_value(const json::value& value) { return printable(json::serialize(value), 100); }

WrongForm wrong_records(Type type, const json::value& given) {
  return {fmt::format("{} has {}; it is a list such as {}, or one of the failures {}",
                      to_string(type), shown_value(given), example_of(type), failures)};
}

Status status_of_fault(std::string_view fault) {
  const std::string name = upper(fault);
  if (name == "TIMEOUT") return Status::timeout;
  if (name == "NXDOMAIN") return Status::nx_domain;
  if (name == "NODATA" || name == "NOERROR") return Status::no_data;
  for (const std::string_view known : {"SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "GARBAGE"})
    if (name == known) return Status::server_failure;
  throw std::invalid_argument("unknown fault " + name);
}

WrongForm wrong_entry(const json::value& given) {
  return {
      fmt::format("it is {}, and not record types such as {{\"A\": {}, \"MX\": {}}} or one of "
                  "the failures {}",
                  shown_value(given), example_of(Type::a), example_of(Type::mx), failures)};
}

/// A truncated answer is repeated over TCP, so it is not a fault at this level.
bool is_truncation(std::string_view fault) { return iequals(fault, "TRUNCATE"); }

}  // namespace

namespace {

enum class Verdict { insecure, secure, bogus };

/// DNSSEC verdicts for each answer, including denials and CNAME steps.
struct Verdicts {
  Verdict otherwise = Verdict::insecure;
  std::vector<std::string> secure;           ///< these names and all names below them
  std::map<std::string, Verdict> overrides;  ///< by "name/TYPE"
};

Verdict verdict_named(std::string_view word) {
  if (word == "insecure") return Verdict::insecure;
  if (word == "secure") return Verdict::secure;
  if (word == "bogus") return Verdict::bogus;
  throw std::invalid_argument("unknown verdict");
}

}  // namespace

namespace {

struct UnknownType {
  std::string name;
  std::string type;
};

/// The line of an object's member, counted from 1; 0: not found (escaped differently, for example).
std::size_t line_of(std::string_view text, std::string_view object, std::string_view member) {
  std::size_t at = text.find(fmt::format("\"{}\"", object));
  if (at != std::string_view::npos) at = text.find(fmt::format("\"{}\"", member), at);
  if (at == std::string_view::npos) return 0;
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + at, '\n'));
}

}  // namespace

/// The zone data of the DNS stub, parsed completely when loaded.
class RecordedResolver::Zone {
 public:
  void add(std::string_view name, const json::value& entry);
  void set_verdicts(const json::object& given);
  Answer answer(const Question& question, std::chrono::milliseconds limit);
  std::vector<std::string> unasked();

 private:
  struct Options {
    std::optional<Status> fault;
    std::chrono::milliseconds delay{0};
    std::set<std::string> types;  ///< empty: all
    std::optional<std::uint64_t> times;
    std::optional<std::chrono::seconds> ttl;
    bool authentic = false;
    std::map<Question, std::uint64_t> hits;
  };
  struct Entry {
    std::map<Type, std::vector<std::string>> records;
    std::map<Type, Status> faults;
    std::optional<Status> others;  ///< the status for "*"
    std::vector<Options> options;
    bool asked = false;  ///< answered a question
  };

  static Options options_of(const json::value& value);
  Entry* find(const std::string& name);
  Entry* entry_for(const std::string& name);
  Answer unsigned_answer(const Question& question, std::chrono::milliseconds limit,
                         std::vector<std::string>& steps);
  Verdict verdict_of(const std::string& name, Type type) const;
  Options* options_for(Entry& entry, const Question& question);

  std::optional<Verdicts> verdicts_;
  std::mutex mutex_;  ///< guards the hit counters and Entry::asked
  std::map<std::string, Entry> entries_;
  std::set<std::string> parents_;  ///< empty non-terminals: names with a name below them
  Entry empty_;
};

RecordedResolver::Zone::Options RecordedResolver::Zone::options_of(const json::value& value) {
  Options options;
  const auto set_fault = [&](std::string_view fault) {
    if (!is_truncation(fault)) options.fault = status_of_fault(fault);
  };
  if (value.is_string()) {
    set_fault(value.as_string());
    return options;
  }
  const json::object& object = value.as_object();
  if (const json::value* fault = object.if_contains("fault")) set_fault(fault->as_string());
  if (const json::value* delay = object.if_contains("delay_ms"))
    options.delay = std::chrono::milliseconds(delay->to_number<std::int64_t>());
  if (const json::value* types = object.if_contains("types"))
    for (const json::value& type : types->as_array()) options.types.insert(upper(type.as_string()));
  if (const json::value* times = object.if_contains("times"))
    options.times = times->to_number<std::uint64_t>();
  if (const json::value* ttl = object.if_contains("ttl"))
    options.ttl = std::chrono::seconds(ttl->to_number<std::int64_t>());
  if (const json::value* ad = object.if_contains("ad")) options.authentic = ad->as_bool();
  return options;
}

void RecordedResolver::Zone::add(std::string_view name, const json::value& value) {
  std::string key = normal(name);
  Entry& entry = entries_[key];
  if (value.is_string()) {
    try {
      entry.options.push_back(options_of(value));
    } catch (const std::exception&) {
      throw wrong_entry(value);
    }
  } else if (!value.is_object()) {
    throw wrong_entry(value);
  } else {
    for (const auto& [member, content] : value.as_object()) {
      const std::string_view word = member;
      if (word == "!") {  // a form of the test suites
        if (content.is_array())
          for (const json::value& one : content.as_array())
            entry.options.push_back(options_of(one));
        else
          entry.options.push_back(options_of(content));
        continue;
      }
      if (word == "*") {
        try {
          entry.others = status_of_fault(content.as_string());
        } catch (const std::exception&) {
          throw WrongForm{fmt::format("`*` has {}; it is one of the failures {}",
                                      shown_value(content), failures)};
        }
        continue;
      }
      const std::optional<Type> type = parse_type(word);
      if (!type && !is_record_type(word)) throw UnknownType{std::string(name), std::string(word)};
      if (!type) continue;  // NS, SOA, SRV and the like: Postern does not query them
      const json::value* part = &content;
      try {
        if (content.is_string()) {
          if (!is_truncation(content.as_string()))
            entry.faults[*type] = status_of_fault(content.as_string());
          continue;
        }
        for (const json::value& record : content.as_array()) {
          part = &record;
          entry.records[*type].push_back(record_text(*type, record));
        }
      } catch (const std::exception&) {
        throw wrong_records(*type, *part);
      }
    }
  }
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.')) {
    key.erase(0, dot + 1);
    parents_.insert(key);
  }
}

RecordedResolver::Zone::Entry* RecordedResolver::Zone::find(const std::string& name) {
  Entry* entry = entry_for(name);
  if (entry == nullptr) {
    const auto others = entries_.find("*");
    if (others != entries_.end()) entry = &others->second;
  }
  if (entry != nullptr && entry != &empty_) {
    const std::lock_guard lock(mutex_);
    entry->asked = true;
  }
  return entry;
}

std::vector<std::string> RecordedResolver::Zone::unasked() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) {
    if (!entry.asked) names.push_back(name);
  }
  return names;
}

RecordedResolver::Zone::Entry* RecordedResolver::Zone::entry_for(const std::string& name) {
  if (const auto exact = entries_.find(name); exact != entries_.end()) return &exact->second;
  if (parents_.contains(name)) return &empty_;
  std::string up = name;
  for (std::size_t dot = up.find('.'); dot != std::string::npos; dot = up.find('.')) {
    up.erase(0, dot + 1);
    if (const auto wildcard = entries_.find("*." + up); wildcard != entries_.end())
      return &wildcard->second;
    // RFC 4592 §3.3.1: the search stops at the closest encloser.
    if (entries_.contains(up) || parents_.contains(up)) break;
  }
  return nullptr;
}

RecordedResolver::Zone::Options* RecordedResolver::Zone::options_for(Entry& entry,
                                                                     const Question& question) {
  for (Options& options : entry.options) {
    if (!options.types.empty() && !options.types.contains(std::string(to_string(question.type))))
      continue;
    if (options.times) {
      const std::lock_guard lock(mutex_);
      if (++options.hits[question] > *options.times) continue;
    }
    return &options;
  }
  return nullptr;
}

void RecordedResolver::Zone::set_verdicts(const json::object& given) {
  Verdicts& verdicts = verdicts_.emplace();
  for (const auto& [key, value] : given) {
    const std::string_view member = key;
    if (member == "default") {
      verdicts.otherwise = verdict_named(value.as_string());
    } else if (member == "secure") {
      for (const json::value& suffix : value.as_array())
        verdicts.secure.push_back(normal(suffix.as_string()));
    } else if (member == "overrides") {
      for (const auto& [what, verdict] : value.as_object()) {
        const std::string_view text = what;
        const std::size_t slash = text.rfind('/');
        if (slash == std::string_view::npos) throw std::invalid_argument("no type");
        verdicts.overrides[normal(text.substr(0, slash)) + upper(text.substr(slash))] =
            verdict_named(verdict.as_string());
      }
    } else {
      throw std::invalid_argument("unknown member");
    }
  }
}

Verdict RecordedResolver::Zone::verdict_of(const std::string& name, Type type) const {
  const auto override_at =
      verdicts_->overrides.find(name + "/" + std::string(dns::to_string(type)));
  if (override_at != verdicts_->overrides.end()) return override_at->second;
  const bool secure =
      std::any_of(verdicts_->secure.begin(), verdicts_->secure.end(),
                  [&](const std::string& suffix) { return domain_below(name, suffix); });
  return secure ? Verdict::secure : verdicts_->otherwise;
}

/// RFC 4035 §4.3: an answer is secure only if each step is.
Answer RecordedResolver::Zone::answer(const Question& question, std::chrono::milliseconds limit) {
  std::vector<std::string> steps{question.name};
  Answer answer = unsigned_answer(question, limit, steps);
  if (!verdicts_) return answer;
  answer.secure = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool alias = i + 1 < steps.size();
    const Verdict verdict = verdict_of(steps[i], alias ? Type::cname : question.type);
    if (verdict == Verdict::bogus) return {.status = Status::bogus};
    answer.secure = answer.secure && verdict == Verdict::secure;
  }
  return answer;
}

/// Appends the target of each CNAME to `steps`.
Answer RecordedResolver::Zone::unsigned_answer(const Question& question,
                                               std::chrono::milliseconds limit,
                                               std::vector<std::string>& steps) {
  Answer answer{.status = Status::nx_domain, .ttl = default_ttl};
  std::string name = question.name;
  std::set<std::string> seen;
  while (Entry* const entry = find(name)) {
    if (const Options* const options = options_for(*entry, {name, question.type})) {
      if (options->ttl) answer.ttl = *options->ttl;
      answer.secure = options->authentic;
      if (options->delay > limit) return {.status = Status::timeout};
      if (options->fault) {
        answer.status = *options->fault;
        return answer;
      }
    }
    const auto alias = entry->records.find(Type::cname);
    const auto records = entry->records.find(question.type);
    const auto fault = entry->faults.find(question.type);
    if (records != entry->records.end() && !records->second.empty()) {
      answer.status = Status::found;
      answer.records = records->second;
      return answer;
    }
    if (fault != entry->faults.end()) {
      answer.status = fault->second;
      return answer;
    }
    if (alias == entry->records.end() || alias->second.empty() || question.type == Type::cname ||
        records != entry->records.end()) {
      answer.status = entry->others.value_or(Status::no_data);
      return answer;
    }
    name = alias->second.front();
    answer.canonical_name = name;
    steps.push_back(name);
    if (!seen.insert(name).second) {
      answer.status = Status::server_failure;  // CNAME loop
      return answer;
    }
  }
  return answer;
}

RecordedResolver::RecordedResolver() = default;
RecordedResolver::~RecordedResolver() = default;

RecordedResolver::RecordedResolver(std::vector<std::pair<Question, Answer>> answers)
    : answers_(std::move(answers)) {
  for (auto& [question, answer] : answers_) question.name = normal(question.name);
  std::sort(answers_.begin(), answers_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

namespace {

std::pair<Question, Answer> recorded_answer(const json::object& object) {
  Question question{.name = octets(object.at("name"))};
  const json::value& type = object.at("type");
  if (type.is_string()) {
    question.type = parse_type(type.as_string()).value();
  } else {
    question.type = static_cast<Type>(type.to_number<std::uint16_t>());
  }
  Answer answer{.status = parse_status(object.at("status").as_string()).value()};
  if (const json::value* records = object.if_contains("records"))
    for (const json::value& record : records->as_array()) answer.records.push_back(octets(record));
  if (const json::value* secure = object.if_contains("secure")) answer.secure = secure->as_bool();
  if (const json::value* ttl = object.if_contains("ttl"))
    answer.ttl = std::chrono::seconds(ttl->to_number<std::int64_t>());
  if (const json::value* name = object.if_contains("canonical_name"))
    answer.canonical_name = normal(octets(*name));
  return {std::move(question), std::move(answer)};
}

}  // namespace

Result<std::unique_ptr<RecordedResolver>> RecordedResolver::parse(std::string_view text) {
  boost::system::error_code error;
  const json::value document = json::parse(text, error);
  if (error) return fail(Fault::malformed, "the DNS data are not JSON: " + error.message());
  const json::value* data = &document;
  const json::object* verdicts = nullptr;
  if (data->is_object()) {
    for (const char* const wrapper : {"dns", "zone"}) {
      const json::value* const inner = document.as_object().if_contains(wrapper);
      const bool is_name =
          inner != nullptr && inner->is_object() && inner->as_object().contains("A");
      if (inner != nullptr && !inner->is_string() && !is_name) {
        data = inner;
        const json::value* const sec = document.as_object().if_contains("sec");
        if (sec != nullptr && sec->is_object()) verdicts = &sec->as_object();
        break;
      }
    }
  }
  std::string place;
  try {
    if (data->is_array()) {
      std::vector<std::pair<Question, Answer>> answers;
      for (const json::value& one : data->as_array()) {
        place = fmt::format("answer {}", answers.size() + 1);
        answers.push_back(recorded_answer(one.as_object()));
      }
      return std::make_unique<RecordedResolver>(std::move(answers));
    }
    std::unique_ptr<RecordedResolver> resolver(new RecordedResolver);
    resolver->zone_ = std::make_unique<Zone>();
    for (const auto& [name, entry] : data->as_object()) {
      place = name;
      resolver->zone_->add(name, entry);
    }
    place = "`sec`";
    if (verdicts != nullptr) resolver->zone_->set_verdicts(*verdicts);
    return resolver;
  } catch (const UnknownType& unknown) {
    const std::size_t line = line_of(text, unknown.name, unknown.type);
    return fail(Fault::malformed,
                fmt::format("{}{}: there is no record type {}",
                            line != 0 ? fmt::format("line {}: ", line) : std::string(),
                            printable(unknown.name, 300), printable(unknown.type, 64)));
  } catch (const WrongForm& wrong) {
    return fail(Fault::malformed, fmt::format("the DNS data of {} cannot be read: {}",
                                              printable(place, 300), wrong.what));
  } catch (const std::exception&) {
    std::string_view form =
        R"(a zone is {"example.org": {"A": ["192.0.2.1"]}}, by name and record type)";
    if (data->is_array()) {
      form = R"(an answer is {"name": "example.org", "type": "A", "status": "found", )"
             R"("records": ["192.0.2.1"]})";
    } else if (place == "`sec`") {
      form = R"(verdicts are "secure", "insecure" and "bogus")";
    }
    return fail(Fault::malformed,
                fmt::format("the DNS data of {} cannot be read: {}",
                            place.empty() ? "the file" : printable(place, 300), form));
  }
}

std::vector<std::string> RecordedResolver::unasked() const {
  return zone_ ? zone_->unasked() : std::vector<std::string>();
}

Task<Answer> RecordedResolver::lookup(Question question, std::chrono::milliseconds limit) {
  question.name = normal(question.name);
  if (zone_) co_return zone_->answer(question, limit);
  const auto found = std::lower_bound(
      answers_.begin(), answers_.end(), question,
      [](const auto& entry, const Question& wanted) { return entry.first < wanted; });
  if (found != answers_.end() && found->first == question) co_return found->second;
  const bool known = std::any_of(answers_.begin(), answers_.end(), [&](const auto& entry) {
    return entry.first.name == question.name && entry.second.status != Status::nx_domain;
  });
  co_return Answer{.status = known ? Status::no_data : Status::nx_domain};
}

}  // namespace postern::dns
