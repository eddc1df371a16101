// Plays tests/suites/relay/dsn.json: writes the reports in the form that the suite's checker
// expects, and runs the checker.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "relay/report.h"
#include "relay/report_rates.h"
#include "smtp/relay_suite_test.h"

namespace postern::relay {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using smtp::flag;
using smtp::only_keys;
using smtp::text_or;
using Wall = std::chrono::system_clock::time_point;

const fs::path suite_folder = POSTERN_SOURCE_DIR "/tests/suites/relay";

Wall time_of(const std::string& text) {
  std::tm utc{};
  EXPECT_NE(strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc), nullptr) << text;
  return std::chrono::system_clock::from_time_t(timegm(&utc));
}

smtp::ResultClass class_of(const std::string& word) {
  if (word == "delivered") return smtp::ResultClass::delivered;
  if (word == "temporary") return smtp::ResultClass::temporary;
  EXPECT_EQ(word, "permanent");
  return smtp::ResultClass::permanent;
}

ReportKind kind_of(const std::string& word) {
  for (const ReportKind kind : {ReportKind::failed, ReportKind::delayed, ReportKind::relayed}) {
    if (word == word_of(kind)) return kind;
  }
  EXPECT_EQ(word, "delivered");
  return ReportKind::delivered;
}

ReportedRecipient recipient_of(const json::object& object) {
  only_keys(object, {"addr", "notify", "orcpt", "result", "expired", "next_hop_dsn", "local",
                     "verdict", "delay_notice_sent"});
  const json::object& result = object.at("result").as_object();
  only_keys(result, {"class", "enhanced", "at", "code", "reply", "remote", "finding"});
  ReportedRecipient recipient{.address = text_or(object, "addr"),
                              .notify = text_or(object, "notify"),
                              .orcpt = text_or(object, "orcpt"),
                              .klass = class_of(text_or(result, "class")),
                              .reply = text_or(result, "reply"),
                              .finding = text_or(result, "finding"),
                              .remote = text_or(result, "remote"),
                              .last_attempt = time_of(text_or(result, "at")),
                              .expired = flag(object, "expired"),
                              .next_hop_dsn = flag(object, "next_hop_dsn"),
                              .content_verdict = text_or(object, "verdict") == "content",
                              .delay_notice_sent = flag(object, "delay_notice_sent")};
  const std::string enhanced = text_or(result, "enhanced");
  std::string_view code = enhanced;
  recipient.enhanced = smtp::take_enhanced(code).value();
  return recipient;
}

/// The zone of `config.dns`: names with a null MX and names that do not exist.
bool takes_no_mail(const json::object& zone, const std::string& path) {
  const std::string domain = path.substr(path.rfind('@') + 1);
  const json::value* entry = zone.if_contains(domain);
  if (entry == nullptr) return true;
  if (entry->is_string()) return entry->as_string() == "NXDOMAIN";
  for (const char* key : {"!", "*", "MX"}) {
    const json::value* fault = entry->as_object().if_contains(key);
    if (fault != nullptr && fault->is_string() && fault->as_string() == "NXDOMAIN") return true;
  }
  const json::value* mx = entry->as_object().if_contains("MX");
  return mx != nullptr && mx->is_array() && mx->as_array().size() == 1 &&
         mx->as_array()[0].as_array()[1].as_string() == ".";
}

void fill_rates(const json::object& sent, ReportRates& rates) {
  for (const auto& member : sent) {
    std::string key(member.key());
    if (key.starts_with('@')) key.erase(0, 1);
    for (std::int64_t i = 0; i < member.value().to_number<std::int64_t>(); ++i) {
      const bool address = key.find('@') != std::string::npos;
      rates.count(address ? key : std::to_string(i) + "@" + key, Time(0));
    }
  }
}

struct Case {
  std::string id;
  ReportOccasion occasion;
  ReportSettings settings;
  std::string message;
  Wall now;
};

Case case_of(const json::object& object) {
  only_keys(object, {"id", "title", "note", "rules", "config", "message", "envelope", "auth",
                     "event", "now", "recipients", "expect"});
  const json::object& config = object.at("config").as_object();
  const json::object& envelope = object.at("envelope").as_object();
  const json::object& auth = object.at("auth").as_object();
  only_keys(config, {"hostname", "dns", "sent_last_hour", "report_hop_smtputf8", "report_hop_dsn"});
  only_keys(envelope, {"from", "arrival", "ret", "envid", "requiretls", "smtputf8"});
  only_keys(auth, {"client", "spf", "dkim", "dkim_domain", "spf_helo"});

  Case one{.id = text_or(object, "id"), .now = time_of(text_or(object, "now"))};
  one.message = tests::read_file(suite_folder / text_or(object, "message"));
  one.settings.hostname = text_or(config, "hostname");
  one.settings.hop_smtputf8 = flag(config, "report_hop_smtputf8");

  ReportOccasion& occasion = one.occasion;
  occasion.kind = kind_of(text_or(object, "event"));
  occasion.reverse_path = text_or(envelope, "from");
  occasion.arrival = time_of(text_or(envelope, "arrival"));
  occasion.ret = text_or(envelope, "ret");
  occasion.envid = text_or(envelope, "envid");
  occasion.smtputf8 = flag(envelope, "smtputf8");
  occasion.requiretls = flag(envelope, "requiretls");
  occasion.log_id = "q1";
  const std::string client = text_or(auth, "client");
  occasion.client = client == "authenticated" ? ClientStanding::authenticated
                    : client == "trusted"     ? ClientStanding::trusted
                                              : ClientStanding::stranger;
  occasion.spf_pass = text_or(auth, "spf") == "pass";
  if (text_or(auth, "dkim") == "pass") occasion.dkim_domains = {text_or(auth, "dkim_domain")};
  for (const json::value& value : object.at("recipients").as_array()) {
    occasion.recipients.push_back(recipient_of(value.as_object()));
  }
  occasion.retry_until = occasion.arrival + RetryPolicy{}.ttl;
  if (const json::value* zone = config.if_contains("dns")) {
    occasion.sender_takes_no_mail = takes_no_mail(zone->as_object(), occasion.reverse_path);
  }
  ReportRates rates;
  if (const json::value* sent = config.if_contains("sent_last_hour")) {
    fill_rates(sent->as_object(), rates);
  }
  const ReportRates::Sent sent = rates.sent(occasion.reverse_path, Time(0));
  occasion.sent_to_address = sent.to_address;
  occasion.sent_to_domain = sent.to_domain;
  return one;
}

void play_report(const Case& one, const tests::TemporaryFolder& out) {
  OriginalScan scan;
  scan.feed(one.message);
  const Original original = scan.finish();
  json::object meta;
  if (const auto why = suppressed(one.occasion, original, one.settings)) {
    meta["why"] = word_of(*why);
  } else {
    const Report report =
        make_report(one.occasion, original, one.settings, one.now, "01JD0000000000000000000000");
    json::array mail_params;
    if (report.requiretls) mail_params.emplace_back("REQUIRETLS");
    if (report.smtputf8) mail_params.emplace_back("SMTPUTF8");
    if (report.eight_bit) mail_params.emplace_back("BODY=8BITMIME");
    meta = {{"from", ""}, {"to", report.recipient}, {"count", 1}, {"mail_params", mail_params}};
    meta["rcpt_params"] = json::array{"NOTIFY=" + std::string(Report::notify)};
    out.write(one.id + ".eml", report_text(report, one.message));
  }
  out.write(one.id + ".json", json::serialize(meta));
}

struct Verdict {
  int status = -1;
  std::string words;
};

Verdict check(const tests::TemporaryFolder& out) {
  const std::string command = "python3 " + (suite_folder / "dsn_check.py").string() + " " +
                              (suite_folder / "dsn.json").string() + " " + out.path() + " 2>&1";
  Verdict verdict;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return verdict;
  std::array<char, 4096> piece;
  while (const std::size_t n = fread(piece.data(), 1, piece.size(), pipe)) {
    verdict.words.append(piece.data(), n);
  }
  const int status = pclose(pipe);
  verdict.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return verdict;
}

TEST(ReportSuite, every_report_is_as_the_suite_has_it) {
  const json::value cases = json::parse(tests::read_file(suite_folder / "dsn.json"));
  const tests::TemporaryFolder out;
  std::size_t played = 0;
  for (const json::value& value : cases.at("cases").as_array()) {
    const Case one = case_of(value.as_object());
    SCOPED_TRACE(one.id);
    play_report(one, out);
    ++played;
  }
  const Verdict verdict = check(out);
  EXPECT_EQ(verdict.status, 0) << verdict.words;
  EXPECT_NE(verdict.words.find(std::to_string(played) + " passed, 0 failed"), std::string::npos)
      << verdict.words;
}

/// The checker reads the files: without them it reports every report as missing.
TEST(ReportSuite, missing_reports_are_found) {
  const tests::TemporaryFolder out;
  const Verdict verdict = check(out);
  EXPECT_EQ(verdict.status, 1);
  EXPECT_NE(verdict.words.find("no report"), std::string::npos) << verdict.words;
}

}  // namespace
}  // namespace postern::relay
