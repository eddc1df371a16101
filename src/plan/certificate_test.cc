// Certificates hold, of lists that were written and of lists that are drawn, and the checker finds
// what is planted in them.
#include "plan/certificate.h"

#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/parameters.h"
#include "plan/check_certificate.h"
#include "plan/compare.h"
#include "plan/edit.h"
#include "plan/edition_test.h"
#include "plan/loaded_test.h"
#include "plan/random_lists_test.h"
#include "plan/settings_answers.h"

namespace postern::plan {
namespace {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;

constexpr auto old_lists = R"(
mynetworks = "10.1.0.0/16"
relay_domains = "relay.example"
smtpd_helo_restrictions = "reject_unknown_helo_hostname"
smtpd_client_restrictions = "reject_rbl_client bl.test, permit_sasl_authenticated"
smtpd_sender_restrictions = "check_sender_access inline:{ {partner.example = REJECT} {u@spam.example = REJECT} }"
smtpd_relay_restrictions = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
)";

/// Some clients fewer may relay, and one sender more is refused.
std::string new_lists() {
  std::string lists = old_lists;
  lists.replace(lists.find("/16"), 3, "/17");
  const std::string_view row = "{partner.example = REJECT}";
  lists.replace(lists.find(row), row.size(), "{partner.example = REJECT} {foe.example = HOLD}");
  return lists;
}

struct Proved {
  Edition before = edition_of("old.toml", old_lists);
  Edition after = edition_of("new.toml", new_lists());
  std::string certificate;

  Proved() {
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    options.compare.certificate = true;
    const Report found = judge_edit(before, after, options);
    EXPECT_EQ(found.comparison.answer(), Answer::refuses_more);
    EXPECT_TRUE(found.certificate);
    certificate = found.certificate.value_or("");
  }
  Checked check(const std::string& text) const {
    return check_edit(before, after, text, {.most_paths = 5000});
  }
};

using Lines = std::vector<json::object>;

Lines lines_of(const std::string& text) {
  Lines lines;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) lines.push_back(json::parse(line).as_object());
  }
  return lines;
}

/// With the number of lines that it has now: what is wrong with it is not that one is missing.
std::string certificate_text(Lines lines) {
  lines.at(0)["lines"] = lines.size() - 1;
  std::string text;
  for (const json::object& line : lines) text += json::serialize(line) + "\n";
  return text;
}

json::array& classes_of_axis(Lines& lines, std::string_view axis) {
  for (json::object& line : lines) {
    if (line.contains("axis") && line["axis"].as_string() == axis) {
      return line["classes"].as_array();
    }
  }
  throw std::runtime_error("no such axis");
}

json::object& question_in(Lines& lines, std::string_view start) {
  for (json::object& line : lines) {
    if (line.contains("question") && line["question"].as_string().starts_with(start)) return line;
  }
  throw std::runtime_error("no such question");
}

/// The number of the line of the first node.
std::size_t first_node(const Lines& lines) {
  std::size_t at = 1;  // the header has `old` and `new`, too
  while (!lines.at(at).contains("children") && !lines[at].contains("old") &&
         !lines[at].contains("impossible")) {
    ++at;
  }
  return at;
}

// A question that no rule asks, in the place of one that is asked.
TEST(CertificateTest, LeavesNothingOpenThatIsAsked) {
  const Proved proved;
  Lines lines = lines_of(proved.certificate);
  json::object& list = question_in(lines, "list bl.test");
  list["question"] = "pcre 11010000 ^dummy x";
  list["free"] = true;
  for (const std::string_view member : {"zone", "of", "type", "name"}) list.erase(member);
  EXPECT_NE(proved.check(certificate_text(lines)).fault, "");
  list["question"] = "rule reject_nothing at rcpt";
  EXPECT_NE(proved.check(certificate_text(lines)).fault, "");
}

// A rule that can be followed is no question, and what a pattern finds is known of each dialogue:
// neither lets a diagram say anything.
TEST(CertificateTest, OpenQuestionsExcuseNoWrongDiagram) {
  const std::string old =
      "mydestination = 'ours.test'\nlocal_recipient_maps = ''\n"
      "smtpd_sender_restrictions = 'check_sender_access pcre:{ {/^spam/ REJECT} }, "
      "reject_rbl_client bl.test=127.0.0.2'\n"
      "smtpd_relay_restrictions = 'permit_sasl_authenticated, reject_unauth_destination'\n";
  const Edition before = edition_of("old.toml", old);
  const Edition bad = edition_of(
      "bad.toml", old + "smtpd_client_restrictions = 'check_client_access inline:{ {10 = OK} }'\n" +
                      "smtpd_recipient_restrictions = 'check_sender_access "
                      "inline:{ {s@partner.test = REJECT} }'\n");
  EditOptions options;
  options.compare.certificate = true;
  const Report of_bad = judge_edit(before, bad, options);
  ASSERT_TRUE(of_bad.certificate);
  EXPECT_EQ(check_edit(before, bad, *of_bad.certificate, {}).fault, "");
  Lines right = lines_of(*of_bad.certificate);
  const auto forged = [&](const json::object& question) {
    Lines lines;
    for (const json::object& line : right) {
      const bool is_kept = line.contains("question") && !line.contains("free");
      if (line.contains("certificate") || line.contains("axis") || is_kept) lines.push_back(line);
    }
    const std::size_t variable = lines.size() - 1;
    for (auto& [group, never] : lines[0].at("never").as_object()) {
      never = json::array{"refuses_more", "accepts_more"};
    }
    lines[0]["same_handling"] = true;
    lines.push_back(question);
    const std::size_t answers = question.at("answers").as_array().size();
    json::array children;
    for (std::size_t at = 0; at < answers; ++at) {
      const char* fate = at % 2 == 0 ? "deliver" : "refused";
      lines.push_back({{"old", fate}, {"new", fate}});
      children.push_back(json::array{1, at});
    }
    lines.push_back({{"variable", variable}, {"children", children}});
    return check_edit(before, bad, certificate_text(lines), {}).fault;
  };
  const json::array two{json::object{{"words", "no"}}, json::object{{"words", "yes"}}};
  EXPECT_THAT(forged({{"question", "rule reject_rbl_client bl.test=127.0.0.2 at mail"},
                      {"free", true},
                      {"answers", two}}),
              testing::HasSubstr("leaves open what no version leaves open"));
  const json::object& asked = question_in(right, "pcre ");
  json::object pattern = asked;
  EXPECT_THAT(forged(pattern), testing::HasSubstr("its diagram says"));
  pattern["pattern"] = "pcre 00000000 ^dummy";
  EXPECT_THAT(forged(pattern), testing::HasSubstr("leaves open what no version leaves open"));
}

// One text for what stands for many in two parts of the dialogue.
TEST(CertificateTest, PartsOfTheDialogueShareNoText) {
  const Proved proved;
  Lines lines = lines_of(proved.certificate);
  std::string sender;
  for (json::value& one : classes_of_axis(lines, "sender")) {
    if (one.as_object().contains("other")) sender = one.as_object()["domain"].as_string();
  }
  ASSERT_NE(sender, "");
  for (json::value& one : classes_of_axis(lines, "rcpt")) {
    if (one.as_object().contains("other")) one.as_object()["domain"] = sender;
  }
  EXPECT_NE(proved.check(certificate_text(lines)).fault.find("have one text"), std::string::npos);
}

TEST(CertificateTest, HoldsOfWhatWasProved) {
  const Proved proved;
  // Also if another program has written its lines anew.
  std::string spaced;
  for (const std::string_view line : split(proved.certificate, '\n')) {
    if (!line.empty()) spaced += "{ " + std::string(line.substr(1)) + "\n";
  }
  EXPECT_EQ(proved.check(spaced).fault, "");
  const Checked found = proved.check(proved.certificate);
  EXPECT_EQ(found.fault, "");
  EXPECT_GT(found.paths, 10u);
  EXPECT_GT(found.dialogues, 1000u);
}

// Parts are played at the same time, and the first of them with a fault says which one is shown.
TEST(CertificateTest, IsCheckedAlikeEachTime) {
  const Proved proved;
  Lines lines = lines_of(proved.certificate);
  for (json::object& line : lines) {
    if (line.contains("new") && line["new"] == "deliver") line["new"] = "hold";
  }
  const Checked right = proved.check(proved.certificate);
  const Checked wrong = proved.check(certificate_text(lines));
  EXPECT_NE(wrong.fault, "");
  const Checked again = proved.check(proved.certificate);
  EXPECT_EQ(again.paths, right.paths);
  EXPECT_EQ(again.dialogues, right.dialogues);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(proved.check(certificate_text(lines)).fault, wrong.fault);
}

// Each path is in one part, however many there are.
TEST(CertificateTest, NoPathIsLeftOut) {
  const std::string old =
      "mydestination = 'ours.test'\nlocal_recipient_maps = ''\nsmtpd_relay_restrictions = "
      "'reject_unauth_destination'\n";
  const Edition before = edition_of("old.toml", old);
  const Edition after = edition_of(
      "new.toml", old +
                      "smtpd_sender_restrictions = 'check_sender_access inline:{ {spam.example = "
                      "REJECT} }'\n");
  EditOptions options;
  options.compare.certificate = true;
  const Report found = judge_edit(before, after, options);
  ASSERT_TRUE(found.certificate);
  const Lines lines = lines_of(*found.certificate);
  std::vector<std::size_t> paths;  // from each node
  for (std::size_t at = first_node(lines); at < lines.size(); ++at) {
    const json::value* children = lines[at].if_contains("children");
    std::size_t sum = children == nullptr ? 1 : 0;
    for (const json::value& run : children == nullptr ? json::array() : children->as_array()) {
      sum += run.at(0).to_number<std::size_t>() * paths.at(run.at(1).to_number<std::size_t>());
    }
    paths.push_back(sum);
  }
  const auto paths_of = [&](std::size_t most) {
    const Checked checked = check_edit(before, after, *found.certificate,
                                       {.time = std::chrono::minutes(10), .most_paths = most});
    EXPECT_EQ(checked.fault, "");
    EXPECT_EQ(checked.sampled, most < paths.back());
    return checked.paths;
  };
  EXPECT_GT(paths.back(), 100u);
  EXPECT_EQ(paths_of(paths.back()), paths.back());
  const std::size_t some = paths.back() / 2 - 1;  // no multiple of the number of parts
  EXPECT_EQ(paths_of(some), some);
}

/// The certificate of an edit that refuses more holds, and has this text in it.
void expect_held(const std::string& old_rows, const std::string& new_rows, const char* text) {
  const Edition before = edition_of("old.toml", old_rows);
  const Edition after = edition_of("new.toml", new_rows);
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const Report found = judge_edit(before, after, options);
  ASSERT_EQ(found.comparison.answer(), Answer::refuses_more);
  ASSERT_TRUE(found.certificate);
  ASSERT_NE(found.certificate->find(text), std::string::npos);
  EXPECT_EQ(check_edit(before, after, *found.certificate, {.most_paths = 5000}).fault, "");
}

// A name below one that is relayed for may be a row's key, too: addresses with a route through it
// are in no group.
TEST(CertificateTest, HoldsWhereARowNamesTheHopOfARoute) {
  const auto lists = [](const std::string& first) {
    return "mydestination = 'local.test'\nrelay_domains = 'relay.test'\n"
           "local_recipient_maps = ''\nsmtpd_relay_restrictions = '" +
           first + "reject_unauth_destination'\n";
  };
  const auto row = [](const std::string& action) {
    return "check_recipient_access inline:{ {h.relay.test=" + action + "} }, ";
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  for (const auto& [before, after] :
       {std::pair(std::string(), row("DISCARD")), std::pair(row("DISCARD"), std::string()),
        std::pair(row("HOLD"), row("DISCARD"))}) {
    const Edition old = edition_of("old.toml", lists(before));
    const Edition next = edition_of("new.toml", lists(after));
    const Report found = judge_edit(old, next, options);
    ASSERT_TRUE(found.certificate) << before << after;
    EXPECT_EQ(check_edit(old, next, *found.certificate, {.most_paths = 2000}).fault, "")
        << before << after;
  }
}

// What a pattern begins with is no domain, a name in HELO that ends in a dot is not looked up, and
// an address has no dot at its end.
TEST(CertificateTest, HoldsWhereAPatternBeginsWithANetwork) {
  const auto edition = [](const std::string& name, const std::string& more) {
    return edition_of(name,
                      "mydestination = 'local.test'\nlocal_recipient_maps = ''\n"
                      "smtpd_helo_restrictions = 'reject_unknown_helo_hostname'\n"
                      "smtpd_sender_restrictions = 'reject_non_fqdn_sender'\n"
                      "smtpd_relay_restrictions = 'check_client_access "
                      "pcre:{ {/^192\\.0\\.2\\./ DUNNO} {/^example\\./ DUNNO} }, " +
                          more + "reject_unauth_destination'\n");
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const Edition old = edition("old.toml", "");
  const Edition next = edition("new.toml", "check_client_access inline:{ {192.0.2.10=DUNNO} }, ");
  const Report found = judge_edit(old, next, options);
  ASSERT_TRUE(found.certificate);
  EXPECT_EQ(check_edit(old, next, *found.certificate, {.most_paths = 2000}).fault, "");
}

// A label with a dot behind it in HELO is no name of a host, and numbers with one are none either.
TEST(CertificateTest, HoldsWhereAWordEndsInADot) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  int certificates = 0;
  for (const char* words : {"check_sender_access inline:{ {a.=REJECT} }",
                            "check_recipient_access pcre:{ {/^a\\./ REJECT} }",
                            "check_recipient_access pcre:{ {/^10\\.1\\./ REJECT} }",
                            "check_helo_access pcre:{ {/^b\\.$$/ OK} }"}) {
    for (const char* rule : {"reject_non_fqdn_helo_hostname", "reject_invalid_helo_hostname",
                             "reject_unknown_helo_hostname"}) {
      const auto edition = [&](const std::string& name, const std::string& helo) {
        return edition_of(name,
                          "mydestination = 'own.test'\nlocal_recipient_maps = ''\n"
                          "smtpd_relay_restrictions = 'reject_unauth_destination'\n"
                          "smtpd_helo_restrictions = '" +
                              helo + "'\nsmtpd_recipient_restrictions = '" + words + "'\n");
      };
      const Edition old = edition("old.toml", rule);
      const Edition next = edition("new.toml", "");
      const Report found = judge_edit(old, next, options);
      if (!found.certificate) continue;  // each direction has a difference
      ++certificates;
      EXPECT_EQ(check_edit(old, next, *found.certificate, {.most_paths = 200}).fault, "")
          << words << " " << rule;
    }
  }
  EXPECT_GT(certificates, 8);
}

// A mistake of a list is answered 451 where it is reached, with `errors = "defer"`, and compared.
TEST(CertificateTest, HoldsWhereListsHaveMistakes) {
  constexpr std::string_view kinds[] = {"client",    "helo", "sender",      "relay",
                                        "recipient", "data", "end_of_data", "etrn"};
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  int certificates = 0;
  for (const std::string mistake :
       {"reject_unauth_pipeling", "warn_if_reject reject_unauth_pipeling", "reject_rbl_client",
        "check_client_access", "check_policy_service", "sleep", "check_sender_access nosuch:x",
        "missing_class", "check_client_access inline:{ {10 = reject_misspelt} }"}) {
    for (const std::string_view kind : kinds) {
      const auto edition = [&](const std::string& name, const std::string& first,
                               const std::string& last) {
        std::string text =
            "errors = 'defer'\nmydestination = 'own.test'\nlocal_recipient_maps = ''\n";
        for (const std::string_view one : kinds) {
          const bool is_barrier = one == "relay";
          std::string list = one == kind ? first + mistake + last : "";
          if (is_barrier)
            list += (list.empty() ? "" : ", ") + std::string("reject_unauth_destination");
          text += fmt::format("smtpd_{}_restrictions = '{}'\n", one, list);
        }
        return edition_of(name, text);
      };
      const Edition old = edition("old.toml", "permit_mynetworks, ", "");
      const Edition next = edition("new.toml", "", ", permit_mynetworks");
      const Report found = judge_edit(old, next, options);
      const std::string about = mistake + " in " + std::string(kind);
      EXPECT_TRUE(found.comparison.not_proved.empty()) << about;
      if (!found.certificate || (kind != "helo" && kind != "recipient")) continue;
      ++certificates;
      EXPECT_EQ(check_edit(old, next, *found.certificate, {.most_paths = 100}).fault, "") << about;
    }
  }
  EXPECT_GT(certificates, 12);
}

// A policy server may answer reject_non_fqdn_sender where parameters that it hangs on differ: an
// address without a domain and with a route is not the one that it leads to.
TEST(CertificateTest, HoldsWhereAPolicyServerAsksForTheForm) {
  const auto edition = [](const std::string& name, const std::string& relayed,
                          const std::string& last) {
    return edition_of(name,
                      "mydestination = 'mx.example.com, localhost'\n"
                      "myorigin = 'mx.example.com'\n"
                      "local_recipient_maps = 'inline:{ {bob = x} {postmaster = x} }'\n"
                      "relay_domains = '" +
                          relayed +
                          "'\n"
                          "smtpd_relay_restrictions = 'reject_unauth_destination'\n"
                          "smtpd_recipient_restrictions = "
                          "'check_policy_service inet:127.0.0.1:9" +
                          last + "'\n");
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const Edition old = edition("old.toml", "relay.test", "");
  const Edition next = edition("new.toml", "relay.test, relay.test", ", permit");
  const Report found = judge_edit(old, next, options);
  EXPECT_EQ(found.comparison.answer(), Answer::same);
  ASSERT_TRUE(found.certificate);
  EXPECT_THAT(*found.certificate, testing::HasSubstr("reject_non_fqdn_sender"));
  EXPECT_EQ(check_edit(old, next, *found.certificate, {.most_paths = 2000}).fault, "");
}

// A claim about lists that differ needs a proof, which sessions of one version alone have not.
TEST(CertificateTest, ThereIsNoneWithoutAProof) {
  const std::string lists =
      "mydestination = 'ours.test'\nlocal_recipient_maps = ''\n"
      "smtpd_relay_restrictions = 'reject_unauth_destination'\n"
      "smtpd_recipient_restrictions = 'permit_sasl_authenticated, reject'\n";
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const Report found =
      judge_edit(edition_of("old.toml", lists + "smtpd_sasl_auth_enable = 'yes'\n"),
                 edition_of("new.toml", lists + "smtpd_sasl_auth_enable = 'no'\n"), options);
  EXPECT_EQ(found.comparison.groups[static_cast<std::size_t>(Group::foreign)].answer(),
            Answer::same);
  EXPECT_FALSE(found.certificate);
  EXPECT_NE(found.no_certificate, "");
}

// Behind a local part in quotes the delimiter is a character later.
TEST(CertificateTest, HoldsWhereQuotedLocalPartsHaveExtensions) {
  const auto lists = [](std::string_view rows) {
    return fmt::format(
        "recipient_delimiter = \"+\"\n"
        "smtpd_sender_restrictions = \"check_sender_access inline:{{ {{alice@friend.example = "
        "REJECT}} }}, check_sender_access pcre:{{ {} }}\"\n",
        rows);
  };
  expect_held(lists("{/^news/ REJECT}"), lists("{/^news/ REJECT} {/^offer/ REJECT}"),
              "\"quoted\":true");
}

TEST(CertificateTest, HoldsWhereRequestsAreSpecialInOneVersion) {
  const auto lists = [](std::string_view special) {
    return fmt::format(
        "mydestination = \"ours.example\"\nrecipient_delimiter = \"-\"\n"
        "owner_request_special = {}\n"
        "smtpd_recipient_restrictions = \"check_recipient_access inline:{{ {{bob@ours.example = "
        "REJECT}} }}, reject_unauth_destination\"\n",
        special);
  };
  expect_held(lists("true"), lists("false"), "-request");
}

TEST(CertificateTest, OfTheSameListsSaysSo) {
  const Edition before = edition_of("old.toml", old_lists);
  const Edition same = edition_of("new.toml", std::string("\n\n") + old_lists);
  const Edition other = edition_of("other.toml", new_lists());
  EditOptions options;
  options.compare.certificate = true;
  const auto certificate = judge_edit(before, same, options).certificate;
  ASSERT_TRUE(certificate);
  EXPECT_EQ(check_edit(before, same, *certificate).fault, "");
  EXPECT_NE(check_edit(before, other, *certificate).fault, "");
}

TEST(CertificateTest, IsNotOfTextsThatAreNone) {
  const Proved proved;
  for (const std::string& text :
       {std::string(), std::string("{}\n"), std::string("[1]\n"), std::string("no\n"),
        proved.certificate.substr(0, proved.certificate.size() / 2),
        proved.certificate.substr(proved.certificate.find('\n') + 1)}) {
    EXPECT_NE(proved.check(text).fault, "") << text.substr(0, 80);
  }
}

TEST(CertificateTest, ThatIsCutOffIsNotUsed) {
  const Proved proved;
  const std::string& whole = proved.certificate;
  ASSERT_FALSE(whole.empty());
  const std::size_t last = whole.rfind('\n', whole.size() - 2);
  for (const std::string& text :
       {std::string(), whole.substr(0, last + 1), whole.substr(0, whole.find('\n') + 1),
        whole.substr(0, last + 5), whole + whole.substr(last + 1)}) {
    const auto checked = proved.check(text);
    EXPECT_NE(checked.fault, "") << text.size() << " octets of " << whole.size();
    EXPECT_TRUE(checked.unreadable) << checked.fault;
  }
}

TEST(CertificateTest, ForOtherVersionsItIsNotUsed) {
  const Proved proved;
  const auto checked = [&](const Edition& before, const Edition& after) {
    const Checked found = check_edit(before, after, proved.certificate, {.most_paths = 5000});
    EXPECT_TRUE(found.unreadable) << found.fault;
    return found.fault;
  };
  EXPECT_EQ(checked(proved.after, proved.before), "old and new are exchanged");
  EXPECT_EQ(
      checked(proved.before, proved.before),
      "it was made for another new: another file, or its lists or a table have changed since");
}

/// A leaf that says of both versions what is true of one, where a pattern tells them apart.
TEST(CertificateTest, DialoguesThatPatternsFindArePlayed) {
  const auto lists = [](std::string_view subject, std::string_view pattern,
                        std::string_view action) {
    return fmt::format(
        "mydestination = \"example.com\"\nlocal_recipient_maps = \"\"\n"
        "smtpd_{0}_restrictions = 'check_{0}_access pcre:{{{{{1} {2}}}}}'\n"
        "smtpd_relay_restrictions = \"reject_unauth_destination\"\n",
        subject, pattern, action);
  };
  for (const std::string_view pattern :
       {R"(/^192\.0\.2\.7$$/)", "/^zq[0-9]{3}x@/", "/@evil[.]test/", "%^zq[0-9]{3}x@%i",
        R"(/^(z)q\1x@/)", R"(/^zq(?=[0-9]+x)[0-9]{3}x@/)", R"(/^(?i)zq\x33x@/)",
        "/^zq(?!7)[0-9]x@/", "/^o#zq@/", "/^x@y[.]test$$/", "/(?<=x)@y[.]test$$/", ",^x/zq@,"}) {
    const std::string_view subject = pattern.starts_with("/^192") ? "client" : "sender";
    const Edition before = edition_of("old.toml", lists(subject, pattern, "REJECT"));
    const Edition after = edition_of("new.toml", lists(subject, pattern, "DUNNO"));
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    options.compare.certificate = true;
    const Report found = judge_edit(before, after, options);
    ASSERT_TRUE(found.certificate) << pattern;
    EXPECT_EQ(check_edit(before, after, *found.certificate, {.most_paths = 5000}).fault, "");
    Lines lines = lines_of(*found.certificate);
    for (const char* group : {"ours", "relay", "foreign"}) {
      lines[0]["never"].as_object()[group] = json::array{"refuses_more", "accepts_more"};
    }
    for (json::object& line : lines) {
      if (line.contains("old") && line.contains("new") && line["old"] == "refused" &&
          line["new"] == "deliver") {
        line["old"] = "deliver";
      }
    }
    EXPECT_NE(check_edit(before, after, certificate_text(lines), {.most_paths = 5000}).fault, "")
        << pattern;
  }
}

TEST(CertificateTest, PlantedFaultsAreFound) {
  const Proved proved;
  const auto rename_domain = [](Lines& lines, std::string_view axis, std::string_view domain) {
    for (json::value& one : classes_of_axis(lines, axis)) {
      json::object& members = one.as_object();
      if (members.contains("domain") && members["domain"].as_string() == domain)
        members["domain"] = "gone.test";
    }
  };
  const auto each_leaf = [](Lines& lines, const std::function<void(json::object&)>& change) {
    for (std::size_t at = first_node(lines); at < lines.size(); ++at) {
      if (!lines[at].contains("children")) change(lines[at]);
    }
  };
  const std::vector<std::pair<const char*, std::function<void(Lines&)>>> faults{
      {"a claim that does not hold",
       [](Lines& lines) {
         lines[0]["never"].as_object()["foreign"] = json::array{"refuses_more", "accepts_more"};
       }},
      {"the same handling", [](Lines& lines) { lines[0]["same_handling"] = true; }},
      {"of other versions", [](Lines& lines) { std::swap(lines[0]["old"], lines[0]["new"]); }},
      {"refused called taken",
       [&](Lines& lines) {
         each_leaf(lines, [](json::object& leaf) {
           if (leaf.contains("old") && leaf["old"] == "refused" && leaf["new"] == "refused") {
             leaf["new"] = leaf["old"] = "deliver";
           }
         });
       }},
      {"taken called impossible",
       [&](Lines& lines) {
         each_leaf(lines, [](json::object& leaf) {
           if (leaf.contains("old") && leaf["old"] == "deliver") leaf = {{"impossible", true}};
         });
       }},
      {"a client in the next class",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "client")) {
           json::object& members = one.as_object();
           if (members["last"] == "10.1.127.255") members["last"] = "10.1.128.0";
           if (members["first"] == "10.1.128.0") members["first"] = "10.1.128.1";
         }
       }},
      {"a client in two classes",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "client")) {
           json::object& members = one.as_object();
           if (members["last"] == "10.1.127.255") members["last"] = "10.1.128.0";
         }
       }},
      {"a client in no class",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "client")) {
           json::object& members = one.as_object();
           if (members["last"] == "10.1.127.255") members["last"] = "10.1.127.254";
         }
       }},
      {"no clients of IPv6",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "client")) {
           json::object& members = one.as_object();
           if (members["first"].as_string().find(':') != std::string::npos) {
             members = {{"first", "10.9.0.0"}, {"last", "10.9.0.0"}, {"one", "10.9.0.0"}};
           }
         }
       }},
      {"a sender's domain missing",
       [&](Lines& lines) { rename_domain(lines, "sender", "partner.example"); }},
      {"the other sender's domain missing",
       [&](Lines& lines) { rename_domain(lines, "sender", "foe.example"); }},
      {"a recipient's domain missing",
       [&](Lines& lines) { rename_domain(lines, "rcpt", "relay.example"); }},
      {"a sender's local part missing",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "sender")) {
           json::object& members = one.as_object();
           if (members.contains("local") && members["local"] == "u") {
             members["local"] = members["local_part"] = "gone";
           }
         }
       }},
      {"all recipients with a route",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "rcpt")) one.as_object()["winding"] = true;
       }},
      {"no login",
       [](Lines& lines) {
         for (json::value& one : classes_of_axis(lines, "session")) {
           one.as_object().erase("login");
           one.as_object().erase("any");
         }
       }},
      {"no answer of a list in DNS that is none",
       [](Lines& lines) {
         question_in(lines, "list bl.test")["answers"].as_array().back() =
             json::object{{"records", json::array()}};
       }},
      {"a listing that is none",
       [](Lines& lines) {
         question_in(lines, "list bl.test")["answers"].as_array()[1] =
             json::object{{"records", json::array()}};
       }},
      {"a question under another name",
       [](Lines& lines) { question_in(lines, "A mx.client.test")["name"] = "mx.gone.test"; }},
      {"a zone of another name",
       [](Lines& lines) { question_in(lines, "list bl.test")["zone"] = "gone.test"; }},
      {"children in another order",
       [&](Lines& lines) {
         json::array& children = lines.back()["children"].as_array();
         ASSERT_GT(children.size(), 1u);
         std::swap(children.front().as_array()[1], children.back().as_array()[1]);
       }},
      {"a child too few",
       [&](Lines& lines) {
         json::array& children = lines.back()["children"].as_array();
         children.pop_back();
       }},
      {"a diagram that goes round",
       [&](Lines& lines) {
         json::array& children = lines.back()["children"].as_array();
         children.front().as_array()[1] = lines.size() - first_node(lines) - 1;
       }},
      {"a question that is not looked at",
       [&](Lines& lines) {
         for (std::size_t at = first_node(lines); at < lines.size(); ++at) {
           if (!lines[at].contains("children") || lines[at]["variable"].to_number<int>() < 7) {
             continue;
           }
           json::array& children = lines[at]["children"].as_array();
           for (json::value& run : children) run.as_array()[1] = children[0].as_array()[1];
         }
       }},
  };
  ASSERT_EQ(proved.check(proved.certificate).fault, "");
  for (const auto& [name, plant] : faults) {
    Lines lines = lines_of(proved.certificate);
    const std::string before = certificate_text(lines);
    plant(lines);
    const std::string after = certificate_text(lines);
    EXPECT_NE(after, before) << name << ": nothing is planted";
    EXPECT_NE(proved.check(after).fault, "") << name;
  }
}

/// The certificate without some classes of a part of the dialogue.
void drop_classes(Lines& lines, const std::string& axis, std::size_t number,
                  const std::function<bool(const json::object&)>& drops) {
  json::array& classes = classes_of_axis(lines, axis);
  std::vector<bool> stays;
  for (const json::value& one : classes) stays.push_back(!drops(one.as_object()));
  json::array left;
  for (std::size_t at = 0; at < classes.size(); ++at) {
    if (stays[at]) left.push_back(classes[at]);
  }
  classes = std::move(left);
  for (std::size_t line = first_node(lines); line < lines.size(); ++line) {
    json::object& node = lines[line];
    if (!node.contains("children") || node["variable"].to_number<std::size_t>() != number) continue;
    json::array children;
    std::size_t at = 0;
    for (const json::value& run : node["children"].as_array()) {
      for (auto many = run.at(0).to_number<std::size_t>(); many > 0; --many, ++at) {
        if (stays[at]) children.push_back(json::array{1, run.at(1)});
      }
    }
    node["children"] = std::move(children);
  }
}

// A certificate that knows nothing of routes through this host claims too much, and the checker
// draws such routes.
TEST(CertificateTest, RoutesThatNoClassHasAreFound) {
  const std::string relays =
      "mydestination = 'ours.test, mail.ours.test'\nmyorigin = 'ours.test'\n"
      "local_recipient_maps = 'inline:{ {bob=x} }'\nmynetworks = '10.0.0.0/8'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n";
  const auto senders = [](const std::string& rules) {
    return "smtpd_sender_restrictions = '" + rules + "'\n";
  };
  const struct {
    std::string what, before, after;
  } cases[] = {
      {"to a domain of one label",
       "append_dot_mydomain = 'yes'\nmydomain = 'ours.test'\n" +
           senders("reject_unlisted_sender, check_sender_access inline:{ {zed@mail=REJECT} }"),
       "append_dot_mydomain = 'yes'\nmydomain = 'ours.test'\n" + senders("reject_unlisted_sender")},
      {"to a literal",
       "smtpd_recipient_restrictions = 'check_recipient_access inline:{ {[203.0.113.9]=REJECT} "
       "}'\n",
       ""},
      {"without a domain",
       senders("check_sender_access inline:{ {bob@partner.test=OK} }, reject_non_fqdn_sender"),
       senders("reject_non_fqdn_sender")},
  };
  for (const auto& one : cases) {
    const Edition before = edition_of("old.toml", relays + one.before);
    const Edition after = edition_of("new.toml", relays + one.after);
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    options.compare.certificate = true;
    const std::optional<std::string> certificate = judge_edit(before, after, options).certificate;
    ASSERT_TRUE(certificate) << one.what;
    EXPECT_EQ(check_edit(before, after, *certificate, {.most_paths = 5000}).fault, "") << one.what;
    Lines lines = lines_of(*certificate);
    std::size_t number = 4;  // of the sender
    for (const std::string axis : {"sender", "rcpt"}) {
      drop_classes(lines, axis, number++,
                   [](const json::object& members) { return members.contains("read"); });
    }
    for (auto& [group, never] : lines[0]["never"].as_object()) {
      never = json::array{"refuses_more", "accepts_more"};
    }
    const std::string fault =
        check_edit(before, after, certificate_text(lines), {.most_paths = 5000}).fault;
    EXPECT_TRUE(fault.starts_with("its claim is wrong") || fault.starts_with("its diagram says"))
        << one.what << ": " << fault;
  }
}

// The certificate of an edit that does nothing, under the digest of one that does: each word of the
// lists is played, whatever its form.
TEST(CertificateTest, WordsThatNoClassHasAreFound) {
  const std::string ours = "mydestination = 'ours.test'\nlocal_recipient_maps = ''\n";
  const std::string relays =
      "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination";
  const auto lists = [&](const std::string& sender, const std::string& relay,
                         const std::string& more = "") {
    return ours + "mynetworks = '10.1.0.0/16" + more + "'\nsmtpd_sender_restrictions = '" + sender +
           "permit_mynetworks'\nsmtpd_relay_restrictions = '" + relay + relays + "'\n";
  };
  const std::string old = lists("", "");
  const std::string by_sender = lists("check_sender_access inline:{ {zz.zz.test=DUNNO} }, ", "");
  const auto senders = [&](const std::string& row) {
    return lists("check_sender_access inline:{ {" + row + "=REJECT} }, ", "");
  };
  const auto table = [&](const std::string& of, const std::string& row) {
    return lists("", "check_" + of + "_access inline:{ {" + row + "} }, ");
  };
  const auto in_turn = [&](const std::string& first, const std::string& action) {
    return lists("", first + ", ") +
           "smtpd_restriction_classes = 'k1, k2'\n"
           "k1 = 'check_sender_access inline:{ {s@partner.test=k2} }'\n"
           "k2 = 'check_recipient_access inline:{ {victim.test=" +
           action + "} }'\n";
  };
  const struct {
    std::string what, twin, bad;
    bool hidden = false;  ///< the dialogue need not be tried: that a class is missing tells
  } cases[] = {
      {"a top-level domain", by_sender, senders("org")},
      {"a local part", by_sender, senders("anna@")},
      {"a local part with a dot", by_sender, senders("anna.b@")},
      {"the key of the null sender", by_sender,
       senders("nobody") + "smtpd_null_access_lookup_key = 'nobody'\n"},
      {"a network of three octets", table("client", "zz.zz.test=DUNNO"),
       table("client", "192.0.2=OK")},
      {"a network of IPv6 groups", table("client", "zz.zz.test=DUNNO"),
       table("client", "2a00:1450=OK")},
      {"a name of one label", table("helo", "zz.zz.test=DUNNO"), table("helo", "friend=OK")},
      {"a name in HELO", table("helo", "zz.zz.test=DUNNO"), table("helo", "friend.test=OK")},
      {"the client's name", lists("", "", ", 10.1.0.0/17"), table("client", "friend.test=OK"),
       true},
      {"a sender, a client and a name in HELO together", table("client", "zz.zz.test=DUNNO"),
       lists("", "check_sender_access inline:{ {boss@partner.test=k1} }, ") +
           "smtpd_restriction_classes = 'k1, k2'\n"
           "k1 = 'check_client_access inline:{ {192.0.2.7=k2} }'\n"
           "k2 = 'check_helo_access inline:{ {mx.partner.test=OK} }'\n",
       true},
      {"an address with an extension",
       lists("check_sender_access inline:{ {bob@zz.test=DUNNO} }, ", "") +
           "recipient_delimiter = '+'\n",
       senders("bob+x@zz.test") + "recipient_delimiter = '+'\n", true},
      {"a network and two keys", table("client", "zz.zz.test=DUNNO"),
       in_turn("check_client_access cidr:{ {192.0.2.0/24 k1} }", "OK"), true},
      {"a login and two keys", table("sasl", "bob=DUNNO"),
       in_turn("check_sasl_access inline:{ {alice=k1} }", "REJECT"), true},
      {"a login", table("sasl", "bob=DUNNO"), table("sasl", "mallory=REJECT")},
      {"a network in brackets", by_sender, lists("", "", ", [2a00:1450::]/32")},
  };
  for (const auto& one : cases) {
    const Edition before = edition_of("old.toml", old);
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    options.compare.certificate = true;
    const Edition twin = edition_of("twin.toml", one.twin);
    const Edition bad = edition_of("bad.toml", one.bad);
    const Report of_twin = judge_edit(before, twin, options);
    const Report of_bad = judge_edit(before, bad, options);
    ASSERT_TRUE(of_twin.certificate && of_bad.certificate) << one.what;
    EXPECT_EQ(of_twin.comparison.answer(), Answer::same) << one.what;
    EXPECT_NE(of_bad.comparison.answer(), Answer::same) << one.what;
    const CertificateCheck few{.most_paths = 500};
    EXPECT_EQ(check_edit(before, bad, *of_bad.certificate, few).fault, "") << one.what;
    Lines lines = lines_of(*of_twin.certificate);
    lines[0]["new"] = of_bad.after_digest;
    const std::string fault = check_edit(before, bad, certificate_text(lines), few).fault;
    if (one.hidden) {
      EXPECT_EQ(fault, "its classes are not those that these versions have") << one.what;
      continue;
    }
    EXPECT_TRUE(fault.starts_with("its claim is wrong") || fault.starts_with("its diagram says"))
        << one.what << ": " << fault;
  }
}

// Keys that are no names, rules that are one question, and what no session can have: the
// certificate of these is right.
TEST(CertificateTest, UnusualKeysAndRulesAreNoFaults) {
  std::string filters;
  for (int i = 1; i <= 7; ++i) filters += fmt::format("reject_rbl_client d.test=127.0.0.{}, ", i);
  const std::string ours = "mydestination = 'ours.test'\n";
  const std::string cases[] = {
      ours + "local_recipient_maps = 'inline:{ {john.doe=x} }'\n",
      ours +
          "local_recipient_maps = ''\n"
          "smtpd_sender_login_maps = 'inline:{ {john.doe=x} {w.test=y} }'\n"
          "smtpd_sender_restrictions = 'reject_sender_login_mismatch'\n",
      ours + "local_recipient_maps = ''\nsmtpd_client_restrictions = '" + filters + "permit'\n",
      ours +
          "local_recipient_maps = ''\nsmtpd_sender_restrictions = 'check_sender_access "
          "inline:{ {-x@z.test=REJECT} {.parent.test=REJECT} {UP@Case.test=REJECT} {" +
          std::string(70, 'l') + "@z.test=REJECT} }'\n",
  };
  for (const std::string& lists : cases) {
    const Edition before =
        edition_of("old.toml", lists +
                                   "mynetworks = '10.1.0.0/16'\n"
                                   "smtpd_relay_restrictions = 'permit_mynetworks, "
                                   "reject_unauth_destination'\n");
    const Edition after =
        edition_of("new.toml", lists +
                                   "mynetworks = '10.1.0.0/17 10.1.128.0/17'\n"
                                   "smtpd_relay_restrictions = 'permit_mynetworks, "
                                   "reject_unauth_destination'\n");
    EditOptions options;
    options.compare.time = std::chrono::minutes(2);
    options.compare.certificate = true;
    const Report report = judge_edit(before, after, options);
    ASSERT_TRUE(report.certificate) << lists.substr(0, 200);
    EXPECT_EQ(check_edit(before, after, *report.certificate, {.most_paths = 50}).fault, "")
        << lists.substr(0, 200);
  }
}

// What is said of addresses with a route through a foreign domain is no exception.
TEST(CertificateTest, AddressesThatHaveAGroupAreNoExceptions) {
  const std::string lists =
      "mydestination = 'ours.test'\nlocal_recipient_maps = ''\nrelay_domains = 'relay.test'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n";
  const Edition before = edition_of("old.toml", lists);
  const Edition after = edition_of("new.toml", lists + "allow_untrusted_routing = 'yes'\n");
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const std::optional<std::string> certificate = judge_edit(before, after, options).certificate;
  ASSERT_TRUE(certificate);
  EXPECT_EQ(check_edit(before, after, *certificate, {.most_paths = 5000}).fault, "");
  Lines lines = lines_of(*certificate);
  for (json::value& one : classes_of_axis(lines, "rcpt")) {
    json::object& members = one.as_object();
    const std::string local(members["local_part"].as_string());
    if (local.find_first_of("%!@") != std::string::npos) members["winding"] = true;
  }
  json::object& never = lines[0]["never"].as_object();
  never.clear();
  for (const char* group : {"ours", "relay", "foreign"}) {
    never[group] = json::array{"refuses_more", "accepts_more"};
  }
  const std::string fault =
      check_edit(before, after, certificate_text(lines), {.most_paths = 5000}).fault;
  EXPECT_TRUE(fault.starts_with("its claim is wrong")) << fault;
}

// A class may be left out because DNS has no such names, but only then.
TEST(CertificateTest, OnlyNamesThatEndInANumberAreLeftOut) {
  const auto clients = [](const std::string& rows) {
    return "mydestination = 'ours.test'\nsmtpd_relay_restrictions = 'reject_unauth_destination'\n"
           "smtpd_client_restrictions = 'check_client_access inline:{" +
           rows + "}'\n";
  };
  const Edition before = edition_of("old.toml", clients("{10.9 = REJECT} {bad.example = REJECT}"));
  const Edition after = edition_of("new.toml", clients("{10.9 = REJECT} {bad.example = OK}"));
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.certificate = true;
  const std::optional<std::string> certificate = judge_edit(before, after, options).certificate;
  ASSERT_TRUE(certificate);
  EXPECT_EQ(check_edit(before, after, *certificate, {}).fault, "");
  Lines lines = lines_of(*certificate);
  bool is_planted = false;
  for (json::value& one : classes_of_axis(lines, "client_name")) {
    json::object& members = one.as_object();
    if (!members.contains("like_network")) continue;
    members["name"] = "bad.example";
    is_planted = true;
  }
  EXPECT_TRUE(is_planted);
  EXPECT_NE(check_edit(before, after, certificate_text(lines), {}).fault, "");
}

// What is decided before any list is in no diagram: a certificate says nothing of it.
TEST(CertificateTest, NothingIsClaimedOfWhatIsDecidedBeforeTheLists) {
  const std::string lists =
      "mydestination = 'ours.test'\nlocal_recipient_maps = ''\n"
      "smtpd_relay_restrictions = 'reject_unauth_destination'\n"
      "smtpd_recipient_restrictions = 'check_recipient_access inline:{ {probe@ours.test = REJECT} "
      "}";
  const Edition before = edition_of("old.toml", lists + "'\n");
  EditOptions options;
  options.compare.certificate = true;
  const Edition after = edition_of("new.toml", lists + ", permit_auth_destination'\n");
  const std::optional<std::string> certificate = judge_edit(before, after, options).certificate;
  ASSERT_TRUE(certificate);
  EXPECT_EQ(check_edit(before, after, *certificate, {}).fault, "");
  for (const auto& [setting, words] :
       {std::pair{"address_verify_sender = 'probe@ours.test'\n", "the sender of probes"},
        {"strict_rfc821_envelopes = 'yes'\n", "strict_rfc821_envelopes differs"}}) {
    const Edition other = edition_of("new.toml", lists + ", permit_auth_destination'\n" + setting);
    const Report report = judge_edit(before, other, options);
    EXPECT_EQ(report.comparison.answer(), Answer::not_proved) << setting;
    Lines lines = lines_of(*certificate);
    lines[0]["new"] = report.after_digest;
    EXPECT_THAT(check_edit(before, other, certificate_text(lines), {}).fault,
                testing::HasSubstr(words));
  }
}

TEST(CertificateTest, NobodyComesInClearWhereNoListenerTakesIt) {
  const std::string server =
      "[server]\nhostname = \"mx.example.com\"\n[[listener]]\naddress = \"127.0.0.1:2525\"\ntls = "
      "\"required\"\n[restrictions]\nmydestination = \"example.com\"\nlocal_recipient_maps = "
      "\"\"\n";
  const Edition before = edition_of_text(
      "old.toml", server + "smtpd_relay_restrictions = \"reject_unauth_destination\"\n");
  const Edition after = edition_of_text(
      "new.toml",
      server +
          "smtpd_relay_restrictions = \"reject_plaintext_session, reject_unauth_destination\"\n");
  EditOptions options;
  options.compare.certificate = true;
  const Report found = judge_edit(before, after, options);
  EXPECT_EQ(found.comparison.answer(), Answer::same);
  EXPECT_EQ(check_edit(before, after, found.certificate.value_or(""), {}).fault, "");
}

// Diagrams of two versions that have nothing to do with each other, and claim nothing.
TEST(CertificateTest, HoldsOfDrawnLists) {
  constexpr unsigned lists = 16;  // each takes seconds when sanitized
  std::size_t dialogues = 0;
  for (unsigned seed = 1; seed <= lists; ++seed) {
    const Settings settings[] = {Draw(seed).settings(), Draw(1000 + seed).settings()};
    const restrictions::Loaded versions[] = {loaded(settings[0]), loaded(settings[1])};
    restrictions::PolicyWords words;
    std::string delimiters;
    words.answers = answers_by_settings(versions[0].definition, versions[1].definition);
    for (const restrictions::Loaded& one : versions) {
      words.add(*one.compiled.policy);
      delimiters += one.compiled.policy->recipient_delimiter;
    }
    if (!words.not_listed.empty()) continue;
    Diagrams diagrams(3'000'000);
    std::string body;
    try {
      Vocabulary vocabulary(diagrams, words, delimiters);
      const Ref before = compile(*versions[0].compiled.policy, vocabulary);
      const Ref after = compile(*versions[1].compiled.policy, vocabulary);
      Ref fates = diagrams.apply(before, after, [&](Leaf one, Leaf other) {
        return fates_of(vocabulary.outcome(one), vocabulary.outcome(other));
      });
      fates = diagrams.apply(fates, vocabulary.possible(), [](Leaf pair, Leaf is) -> Leaf {
        return is == 0 ? impossible_fates : pair;
      });
      body = certificate_body(vocabulary, diagrams, fates);
    } catch (const NotCompiled&) {
      continue;
    } catch (const OverBudget&) {
      continue;
    }
    const std::string header =
        json::serialize(json::object{{"certificate", 1},
                                     {"old", "a"},
                                     {"new", "b"},
                                     {"never", json::object()},
                                     {"same_handling", false},
                                     {"lines", std::ranges::count(body, '\n')}});
    const Checked found = check_certificate(header + "\n" + body, {&versions[0], "a"},
                                            {&versions[1], "b"}, {.most_paths = 500});
    dialogues += found.dialogues;
    ASSERT_EQ(found.fault, "") << "seed " << seed << "\n"
                               << shown(settings[0]) << "\n"
                               << shown(settings[1]);
  }
  EXPECT_GT(dialogues, lists * 500);
}

}  // namespace
}  // namespace postern::plan
