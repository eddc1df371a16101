// What is proved of `.vsl` rules holds for each dialogue that the production evaluation plays:
// random pairs of policies, random dialogues. POSTERN_PLAN_SEED repeats a failure, and
// POSTERN_PLAN_PAIRS sets how many pairs are drawn.
#include "plan/vsl.h"
#include "plan/vsl_text.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/script_record.h"
#include "dialect/vsl/layer.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/machine.h"
#include "dns/recorded_resolver.h"
#include "plan/amount_test.h"
#include "plan/edition_test.h"
#include "plan/vsl_explore.h"
#include "policy/gateway_layer.h"

namespace postern::plan {
namespace {

namespace vsl = dialect::vsl;
using Files = std::map<std::string, std::string>;

app::Config config_of(const Files& files, const std::set<std::string>& also_local = {},
                      const std::string& stored_in = "") {
  static dialect::NoWorld world;
  app::Config config = app::default_config({.read_files = false}).config;
  config.vsl.domain = "ours.test";
  vsl::VslPolicyOptions options;
  options.path = files.empty() ? "" : "main.vsl";
  if (!files.empty()) options.files = std::make_shared<const Files>(files);
  options.site.domain = "ours.test";
  options.site.hostname = "mx.ours.test";
  options.site.signs = false;
  if (!stored_in.empty()) options.site.toml_app = {{"dirpath", stored_in}};
  for (const std::string& one : also_local) options.site.virtual_domains[one] = nullptr;
  options.run = dialect::run_alone;
  auto loaded = vsl::VslPolicy::load(std::move(options), world);
  EXPECT_TRUE(loaded) << loaded.error().front().to_string() << "\n" << files.at("main.vsl");
  if (loaded) config.vsl.loaded = *loaded;
  return config;
}

Version vsl_version(const app::Config& config) {
  return {.name = "version", .config = &config, .directory = std::make_shared<policy::Directory>()};
}

Comparison compared_vsl(const app::Config& before, const app::Config& after) {
  Comparison found;
  compare_vsl(vsl_version(before), vsl_version(after), {}, Deadline(std::chrono::seconds(60)),
              found);
  return found;
}

Comparison compared_vsl(const std::string& before, const std::string& after) {
  return compared_vsl(config_of({{"main.vsl", before}}), config_of({{"main.vsl", after}}));
}

std::string group_words(const Comparison& found) {
  std::string words;
  for (const Group group : {Group::ours, Group::foreign}) {
    words += fmt::format("{} {}; ", to_string(group),
                         to_string(found.groups[static_cast<std::size_t>(group)].answer()));
  }
  for (const NotProved& one : found.not_proved) words += one.reason + ": " + one.text + "; ";
  return words;
}

// ------------------------------------------------------------------------------- drawing

constexpr std::string_view vsl_locals[] = {"bob", "Bob",       "jane", "\"bob\"",
                                           "x",   "abcdefghi", "BOB"};
constexpr std::string_view vsl_domains[] = {"spam.test",  "fail.test",   "a.spam.test", "ours.test",
                                            "other.test", "second.test", "partner.test"};
constexpr std::string_view vsl_helos[] = {"friend.test",  "FRIEND.test", "friend.test.",
                                          "mx.spam.test", "h",           "[192.0.2.1]",
                                          "partner.test"};
constexpr std::string_view vsl_networks[] = {"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9",
                                             "192.0.2.0/24", "192.0.2.7/32"};
constexpr std::string_view vsl_clients[] = {"10.0.0.1",  "10.127.255.255", "10.128.0.0",
                                            "192.0.2.7", "192.0.2.8",      "203.0.113.9",
                                            "127.0.0.1", "2001:db8::1"};

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string status(std::mt19937& random) {
  constexpr std::string_view all[] = {"next()",
                                      "next()",
                                      "next()",
                                      "deny()",
                                      "deny()",
                                      "deny(\"550 5.7.1 no\")",
                                      "accept()",
                                      "faccept()",
                                      "quarantine(\"later\")",
                                      "info(\"450 4.7.1 wait\")"};
  return one_of(random, all);
}

std::string condition(std::mt19937& random, unsigned stage, int depth = 0);

/// Conditions about what is known at a stage: 0 connect, 1 helo, 2 mail, 3 rcpt, 4 message.
std::string atom(std::mt19937& random, unsigned stage) {
  const std::string domain = in_quotes(one_of(random, vsl_domains));
  const std::string local = in_quotes(one_of(random, vsl_locals));
  const std::string helo = in_quotes(one_of(random, vsl_helos));
  std::vector<std::string> all{
      "client_ip() in net",
      "client_ip() in hosts",
      "client_ip() in [hosts, net]",
      fmt::format("client_ip() == {}", in_quotes(one_of(random, vsl_clients))),
      fmt::format("client_ip().starts_with({})", in_quotes("10.")),
      "is_secured()",
      "is_authenticated()",
      "1 + 1 == 2",
  };
  if (stage >= 1) {
    for (std::string one :
         {fmt::format("helo() == {}", helo), fmt::format("helo() in names"),
          fmt::format("helo().to_lower() == {}", helo), fmt::format("helo().len() > 9"),
          fmt::format("{} in helo()", in_quotes("spam")), std::string("helo() == pattern"),
          fmt::format("helo() in [{}, names]", helo), std::string("helo() in mixed"),
          fmt::format("helo().to_upper() == {}", helo), std::string("helo_literal_is_client()")}) {
      all.push_back(std::move(one));
    }
  }
  if (stage >= 2) {
    for (std::string one :
         {fmt::format("mail_from().domain == {}", domain),
          fmt::format("mail_from().domain != {}", domain),
          std::string("mail_from().domain in names"),
          std::string("mail_from() in people"),
          std::string("mail_from().local_part in people"),
          fmt::format("mail_from().local_part is {}", local),
          fmt::format("mail_from() is {}", in_quotes("bob@" + one_of(random, vsl_domains))),
          std::string("in_domain(mail_from())"),
          fmt::format("mail_from().local_part.len() > {}", random() % 10),
          fmt::format("mail_from().domain.ends_with({})", in_quotes("spam.test")),
          std::string("mail_from().domain in pattern"),
          fmt::format("`${{mail_from()}}` == {}", in_quotes("bob@spam.test")),
          std::string("mail_from().domain == helo()"),
          fmt::format("mail_from() == {}", in_quotes("")),
          fmt::format("mail_from().local_part == {}", in_quotes("")),
          fmt::format("mail_from().local_part.to_lower() == {}", local),
          std::string("mail_from() in [names, people]"),
          std::string("mail_from().domain in mixed"),
          std::string("#{ \"spam.test\": 1, \"fail.test\": 2 }[mail_from().domain] == 1"),
          fmt::format("mail_from().domain in [{}, {}]", domain, in_quotes("x.test")),
          std::string("bad(mail_from().domain)"),
          std::string("listed(mail_from().domain)"),
          std::string("has_header(\"X-A\")"),
          std::string("has_header(\"Received-SPF\")"),
          std::string("check_spf_inner().result == \"fail\"")}) {
      all.push_back(std::move(one));
    }
  }
  if (stage >= 3) {
    for (std::string one :
         {fmt::format("rcpt().domain == {}", domain), fmt::format("rcpt().local_part == {}", local),
          std::string("rcpt() in people"), std::string("in_domain(rcpt())"),
          std::string("rcpt() == mail_from()"), std::string("rcpt_list().len() == 1"),
          std::string("`${rcpt()}` == `${mail_from()}`"),
          std::string("rcpt().local_part == mail_from().local_part"),
          std::string("rcpt().local_part.to_lower() == mail_from().local_part.to_lower()"),
          fmt::format("rcpt().local_part.to_upper() == {}", local),
          std::string("rcpt().domain == mail_from().domain"),
          std::string("rcpt_list()[0].domain in names")}) {
      all.push_back(std::move(one));
    }
  }
  if (stage >= 4) {
    for (std::string one :
         {std::string("has_header(\"X-Bad\")"), std::string("verify_dkim().status == \"pass\""),
          std::string("has_header(\"Subject\")")}) {
      all.push_back(std::move(one));
    }
  }
  return all[random() % all.size()];
}

std::string condition(std::mt19937& random, unsigned stage, int depth) {
  switch (random() % (depth > 1 ? 4 : 8)) {
    case 4:
      return fmt::format("!({})", condition(random, stage, depth + 1));
    case 5:
      return fmt::format("({} && {})", condition(random, stage, depth + 1),
                         condition(random, stage, depth + 1));
    case 6:
      return fmt::format("({} || {})", condition(random, stage, depth + 1),
                         condition(random, stage, depth + 1));
    default:
      return atom(random, stage);
  }
}

std::string body(std::mt19937& random, unsigned stage) {
  switch (random() % 12) {
    case 0:
      return status(random);
    case 1:
      if (stage < 2) break;
      return fmt::format(
          "{{ for d in [{}, {}] {{ if mail_from().domain == d {{ return {}; }} }} {} }}",
          in_quotes(one_of(random, vsl_domains)), in_quotes(one_of(random, vsl_domains)),
          status(random), status(random));
    case 2:
      if (stage < 2) break;
      return fmt::format("switch mail_from().domain {{ {} => {}, {} | {} => {}, _ => {} }}",
                         in_quotes(one_of(random, vsl_domains)), status(random),
                         in_quotes(one_of(random, vsl_domains)),
                         in_quotes(one_of(random, vsl_domains)), status(random), status(random));
    case 3:
      if (stage < 2 || stage > 3) break;
      return random() % 2 == 0 ? "check_spf(\"none\", \"soft\")" : "check_spf(\"both\")";
    case 4:
      if (stage == 2) return "check_mail_relay(hosts)";
      if (stage == 3) return "check_rcpt_relay(hosts)";
      break;
    case 5:
      if (stage < 2) break;
      return fmt::format("{{ rewrite_mail_from_envelop({}); {} }}",
                         in_quotes("jane@" + one_of(random, vsl_domains)), status(random));
    case 6:
      if (stage < 3) break;
      return fmt::format("{{ {}({}); {} }}",
                         random() % 2 == 0 ? "remove_rcpt_envelop" : "add_rcpt_envelop",
                         in_quotes("jane@" + one_of(random, vsl_domains)), status(random));
    case 7:
      return fmt::format("{{ try {{ if {} {{ throw \"x\"; }} {} }} catch (e) {{ {} }} }}",
                         condition(random, stage), status(random), status(random));
    case 8:
      if (random() % 2 == 0) {
        return "{ append_header(\"X-A\", \"1\"); " + status(random) + " }";
      }
      return fmt::format("{{ log(\"info\", `${{client_ip()}} ${{date()}}`); {} }}", status(random));
    default:
      break;
  }
  return fmt::format("if {} {{ {} }} else {{ {} }}", condition(random, stage), status(random),
                     status(random));
}

struct Rules {
  std::vector<std::string> head;
  std::array<std::vector<std::string>, 5> stages;

  std::string text() const {
    constexpr std::string_view names[] = {"connect", "helo", "mail", "rcpt", "preq"};
    std::string text;
    for (const std::string& one : head) text += one + "\n";
    text += "#{";
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      text += fmt::format("{} {}: [", stage > 0 ? "," : "", names[stage]);
      std::size_t number = 0;
      for (const std::string& one : stages[stage]) {
        text += fmt::format("{}\n  rule \"{}{}\" || {}", number > 0 ? "," : "", names[stage],
                            number, one);
        ++number;
      }
      text += "]";
    }
    return text + "}\n";
  }
};

std::string group(std::mt19937& random, const std::string& name, const std::string& type,
                  const auto& of) {
  std::string text = fmt::format("object {} group = [", name);
  for (unsigned i = 0, count = 1 + random() % 3; i < count; ++i) {
    text += fmt::format("{}object {}{} {} = {}", i > 0 ? ", " : "", name, i, type,
                        in_quotes(one_of(random, of)));
  }
  return text + "];";
}

std::string head(std::mt19937& random, std::size_t which) {
  switch (which) {
    case 0:
      return fmt::format("object net rg4 = {};", in_quotes(one_of(random, vsl_networks)));
    case 1:
      return group(random, "hosts", "rg4", vsl_networks);
    case 2:
      return group(random, "names", "fqdn", vsl_domains);
    case 3:
      return fmt::format(
          "object people group = [object p0 address = {}, object p1 fqdn = {}, object p2 "
          "identifier = {}];",
          in_quotes("jane@" + one_of(random, vsl_domains)), in_quotes(one_of(random, vsl_domains)),
          in_quotes(one_of(random, vsl_locals)));
    case 4:
      return fmt::format("object pattern regex = {};",
                         in_quotes(random() % 2 == 0 ? "^sp.*t$" : "(mx|spam)[.]"));
    case 5: {
      const bool any = random() % 2 == 0;
      return fmt::format(
          "object mixed group = [object m0 {} = {}, object m1 regex = \"^(spam|FR)\"];",
          any ? "identifier" : "fqdn",
          in_quotes(any ? one_of(random, vsl_helos) : one_of(random, vsl_domains)));
    }
    case 6:
      return fmt::format("fn bad(d) {{ d == {} || d in names }}",
                         in_quotes(one_of(random, vsl_domains)));
    default:
      return fmt::format(
          "fn listed(d) {{ let all = [{}]; for one in all {{ if one == d {{ return true; }} }} "
          "false }}",
          in_quotes(one_of(random, vsl_domains)));
  }
}
constexpr std::size_t heads = 8;

Rules drawn_rules(std::mt19937& random) {
  Rules rules;
  for (std::size_t which = 0; which < heads; ++which) rules.head.push_back(head(random, which));
  for (std::size_t stage = 0; stage < rules.stages.size(); ++stage) {
    const unsigned count = stage < 2 || stage == 4 ? random() % 3 : random() % 4;
    for (unsigned i = 0; i < count; ++i) {
      rules.stages[stage].push_back(body(random, static_cast<unsigned>(stage)));
    }
  }
  return rules;
}

/// The rules with one edit, or with none.
Rules edited(std::mt19937& random, Rules rules) {
  const std::size_t stage = random() % rules.stages.size();
  std::vector<std::string>& all = rules.stages[stage];
  switch (random() % 6) {
    case 0:
      all.push_back(body(random, static_cast<unsigned>(stage)));
      break;
    case 1:
      if (!all.empty()) all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
      break;
    case 2:
      if (!all.empty()) all[random() % all.size()] = body(random, static_cast<unsigned>(stage));
      break;
    case 3:
      if (all.size() > 1) std::swap(all[0], all[1]);
      break;
    case 4: {
      const std::size_t which = random() % heads;
      rules.head[which] = head(random, which);
      break;
    }
    default:
      break;
  }
  return rules;
}

/// Something that a client may say, whatever the classes are.
struct Said {
  app::Dialogue dialogue;
  std::string zone;
};

Said drawn_speech(std::mt19937& random) {
  Said said;
  app::Dialogue& dialogue = said.dialogue;
  dialogue.client = *IpAddress::parse(one_of(random, vsl_clients));
  // Without HELO the session itself refuses MAIL.
  dialogue.helo = one_of(random, vsl_helos);
  dialogue.tls = random() % 3 == 0;
  if (random() % 4 == 0) {
    dialogue.tls = true;
    dialogue.login = "alice";
  }
  if (random() % 8 != 0) {
    dialogue.sender =
        mail::parse_mailbox(one_of(random, vsl_locals) + "@" + one_of(random, vsl_domains),
                            mail::Utf8::allowed)
            .value();
  }
  const auto rcpt = one_of(random, vsl_locals) + "@" + one_of(random, vsl_domains);
  dialogue.recipients = {*mail::parse_mailbox(rcpt, mail::Utf8::allowed)};
  if (random() % 10 == 0 && dialogue.sender) dialogue.recipients = {*dialogue.sender};
  dialogue.message = std::string(plain_message);
  if (random() % 3 == 0) dialogue.message = "X-Bad: 1\r\n" + *dialogue.message;
  constexpr std::string_view records[] = {"v=spf1 +all", "v=spf1 -all", "v=spf1 ~all",
                                          "v=spf1 bogus:"};
  std::string names;
  for (const std::string_view domain : vsl_domains) {
    if (random() % 3 == 0) continue;
    names += fmt::format(R"({}"{}": {{"TXT": ["{}"]}})", names.empty() ? "" : ", ", domain,
                         one_of(random, records));
  }
  said.zone = "{" + names + "}";
  return said;
}

VslOutcome played_vsl(const app::Config& config, const policy::Engine& engine, const Said& said) {
  auto resolver = dns::RecordedResolver::parse(said.zone);
  EXPECT_TRUE(resolver) << said.zone;
  const policy::Directory directory;
  return vsl_outcome_of(app::play(
      {.config = config, .engine = engine, .directory = directory, .resolver = **resolver},
      said.dialogue));
}

std::string said_words(const Said& said) {
  const app::Dialogue& one = said.dialogue;
  return fmt::format("client {} helo {} tls {} login {} from <{}> to <{}> dns {}",
                     one.client.to_string(), one.helo.value_or("-"), one.tls,
                     one.login.value_or("-"), one.sender ? one.sender->text() : "",
                     one.recipients.front().text(), said.zone);
}

Answer ours(const Comparison& found) {
  return found.groups[static_cast<std::size_t>(Group::ours)].answer();
}

TEST(Vsl, IsOneQuestionWhereBothDoTheSameUnknown) {
  const std::string lookup =
      "rule \"dnsbl\" || { try { lookup(`${helo()}.bl.test`); deny() } catch { next() } }";
  const std::string before = "#{ helo: [ " + lookup + " ] }";
  EXPECT_EQ(ours(compared_vsl(before, "#{ helo: [ rule \"x\" || next(), " + lookup + " ] }")),
            Answer::same);
  EXPECT_EQ(ours(compared_vsl(before, "#{ helo: [ " + lookup + ", rule \"x\" || deny() ] }")),
            Answer::refuses_more);
  std::string other = before;
  other.replace(other.find("bl.test"), 7, "wl.test");
  const Comparison found = compared_vsl(before, other);
  EXPECT_EQ(ours(found), Answer::not_proved);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.front().reason, "service");
  EXPECT_NE(found.not_proved.front().text.find("main.vsl:1:"), std::string::npos);
  EXPECT_GT(found.played, 0u);
}

// The name that a client gives behind STARTTLS or AUTH may be another than before.
TEST(Vsl, ARuleAtEhloThatAsksForTlsOrALoginIsNotCompared) {
  const auto rules = [](const std::string& more) {
    return "#{ helo: [ rule \"h\" || if helo() == \"in.test\"" + more +
           " { deny() } else { next() } ] }";
  };
  for (const char* asks : {" && !is_secured()", " && !is_authenticated()"}) {
    const Comparison found = compared_vsl(rules(""), rules(asks));
    ASSERT_FALSE(found.not_proved.empty()) << asks;
    EXPECT_EQ(found.not_proved.front().reason, "several_greetings") << asks;
  }
  EXPECT_EQ(ours(compared_vsl(rules(""), rules(" || helo() == \"too.test\""))),
            Answer::refuses_more);
}

// Who passes behind STARTTLS with another name meets the same rules, whatever the first name was.
TEST(Vsl, ClientsThatSayAnotherNameBehindStarttlsAreCompared) {
  const auto rules = [](const std::string& ehlo, const std::string& mail) {
    return "#{ helo: [ rule \"h\" || " + ehlo + " ], mail: [ rule \"m\" || " + mail + " ] }";
  };
  const std::string pass = "next()";
  const std::string by_sender = "if mail_from().domain == \"a.test\" { deny() } else { next() }";
  const std::string by_name = "if helo() == \"in.test\" { deny() } else { next() }";
  for (const char* asks : {"is_secured()", "is_authenticated()"}) {
    const std::string ehlo =
        fmt::format("if helo() == \"in.test\" && !{} {{ deny() }} else {{ next() }}", asks);
    EXPECT_EQ(
        group_words(compared_vsl(rules(ehlo, pass), rules(ehlo, pass + ", rule \"n\" || next()"))),
        "ours same; foreign same; ");
    EXPECT_EQ(ours(compared_vsl(rules(ehlo, pass), rules(ehlo, by_sender))), Answer::refuses_more);
    // With one name nobody comes so far.
    const Comparison found = compared_vsl(rules(ehlo, pass), rules(ehlo, by_name));
    EXPECT_EQ(ours(found), Answer::not_proved) << group_words(found);
    ASSERT_FALSE(found.not_proved.empty());
    EXPECT_EQ(found.not_proved.front().reason, "several_greetings");
    EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::ours)].accepts_more, Known::no);
  }
  // The name behind STARTTLS is judged by the rules there: it is refused in both.
  const std::string twice =
      "if helo() == \"in.test\" || (is_secured() && helo() == "
      "\"out.test\") { deny() } else { next() }";
  EXPECT_EQ(group_words(compared_vsl(rules(twice, pass), rules(twice, by_name))),
            "ours same; foreign same; ");
}

// Rules at the greeting may pass over those at EHLO, which no dialogue with one name shows.
TEST(Vsl, RulesAtTheGreetingThatPassOverThoseAtEhloAreNotLeftOut) {
  const std::string ehlo =
      "helo: [ rule \"h\" || if is_authenticated() && helo() == \"bad.test\" { deny() } else "
      "{ next() } ] }";
  const std::string friends =
      "#{ connect: [ rule \"c\" || if client_ip() == \"192.0.2.1\" { faccept() } else { next() } "
      "], ";
  const Comparison found = compared_vsl(friends + ehlo, "#{ " + ehlo);
  EXPECT_EQ(ours(found), Answer::not_proved) << group_words(found);
  EXPECT_EQ(found.not_proved.front().reason, "several_greetings");
  // What a service keeps is left behind, too.
  const std::string service =
      "service db db:csv = #{ connector: \"people.csv\", access: \"O_RDWR\", refresh: \"always\", "
      "delimiter: \",\" };\n";
  const auto keeps = [&](const std::string& mail) {
    return service +
           "#{ helo: [ rule \"h\" || if is_authenticated() { db.set([helo(), \"x\"]); next() } "
           "else { next() } ], mail: [ rule \"m\" || " +
           mail + " ] }";
  };
  const Comparison kept = compared_vsl(keeps("next()"), keeps("next(), rule \"n\" || next()"));
  EXPECT_EQ(ours(kept), Answer::not_proved) << group_words(kept);
}

// A rule at EHLO that lets a client pass for good may do so for one name alone.
TEST(Vsl, WhatARuleAtEhloLeavesBehindIsNotLeftOut) {
  const auto rules = [](const char* asks, const std::string& mail) {
    return fmt::format(
        "#{{ helo: [ rule \"h\" || if helo() == \"in.test\" && {} {{ faccept() }} else {{ next() "
        "}} ], "
        "mail: [ rule \"m\" || {} ] }}",
        asks, mail);
  };
  const auto compared_with = [&](const char* asks) {
    return compared_vsl(rules(asks, "deny()"), rules(asks,
                                                     "if helo() == \"in.test\" { next() } else "
                                                     "{ deny() }"));
  };
  EXPECT_EQ(ours(compared_with("is_secured()")), Answer::accepts_more);
  const Comparison found = compared_with("is_authenticated()");
  const GroupAnswer& answer = found.groups[static_cast<std::size_t>(Group::ours)];
  EXPECT_EQ(answer.accepts_more, Known::yes) << group_words(found);
  EXPECT_EQ(answer.refuses_more, Known::unknown);
}

// Two revisions are stored in two places.
TEST(Vsl, IsTheSameWhereverItIsStored) {
  const auto answer = [](const std::string& rule) {
    const std::string old_rules = "#{ connect: [ rule \"odd\" || " + rule + " ] }";
    const std::string new_rules = "// a comment\n#{ connect: [ rule \"odd\" || " + rule +
                                  " ], mail: [ rule \"x\" || next() ] }";
    return ours(compared_vsl(config_of({{"main.vsl", old_rules}}, {}, "/srv/old"),
                             config_of({{"main.vsl", new_rules}}, {}, "/srv/new")));
  };
  EXPECT_EQ(answer("if client_port() % 2 == 1 { deny() } else { next() }"), Answer::same);
  EXPECT_EQ(
      answer("if toml::app.dirpath.len() + client_port() % 2 == 9 { deny() } else { next() }"),
      Answer::not_proved);
}

TEST(Vsl, ScriptsMayAskWhereTheyLieByTwoNames) {
  const auto asks = [](const std::string& test) {
    return may_ask_its_place(*config_of({{"main.vsl", "#{ connect: [ rule \"r\" || if " + test +
                                                          " { deny() } else { next() } ] }"}},
                                        {}, "/srv/old")
                                  .vsl.loaded);
  };
  EXPECT_TRUE(asks("toml::app.dirpath.contains(\"old\")"));
  EXPECT_TRUE(asks("cfg::app.dirpath.contains(\"old\")"));
  EXPECT_FALSE(asks("client_port() == 25"));
}

// The name of a function may be put together; a database may be a file beside the rules.
TEST(Vsl, IsNotTheSameWithOtherFunctionsOrFiles) {
  const auto rules = [](const std::string& test) {
    return "fn is_odd(x) { x " + test +
           " 0 }\n#{ connect: [ rule \"odd\" || if "
           "[client_port() % 2 + 1].filter(\"is_\" + \"odd\").len() > 0 { deny() } "
           "else { next() } ] }";
  };
  EXPECT_EQ(ours(compared_vsl(rules(">"), rules(">") + "\n")), Answer::same);
  EXPECT_NE(ours(compared_vsl(rules(">"), rules("<"))), Answer::same);
  const auto stored = [](const std::string& folder, const std::string& comment) {
    return config_of(
        {{"main.vsl", comment + "service people db:csv = #{ connector: \"people.csv\", "
                                "access: \"O_RDONLY\", refresh: \"always\", "
                                "delimiter: ',' };\n#{ connect: [ rule \"known\" || "
                                "if people.get(`${client_port() % 2}`).is_empty() { deny() } "
                                "else { next() } ] }"}},
        {}, folder);
  };
  EXPECT_EQ(ours(compared_vsl(stored("/srv/old", ""), stored("/srv/old", "// x\n"))), Answer::same);
  EXPECT_EQ(ours(compared_vsl(stored("/srv/old", ""), stored("/srv/new", "// x\n"))),
            Answer::not_proved);
}

// Lists in front of rules are compared by themselves; a dialogue is played through both.
TEST(Vsl, MayDifferTogetherWithLists) {
  const auto version = [](const std::string& name, const std::string& senders,
                          const std::string& domain) {
    Edition made = edition_of(name,
                              "mydestination = \"ours.test\"\nlocal_recipient_maps = \"\"\n"
                              "smtpd_sender_restrictions = \"check_sender_access inline:{" +
                                  senders + "}\"\n");
    made.config.vsl = config_of({{"main.vsl",
                                  "#{ mail: [ rule \"blocked\" || if "
                                  "mail_from().domain == \"" +
                                      domain + "\" { deny() } else { next() } ] }"}})
                          .vsl;
    return made;
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const auto answer = [&](const Edition& before, const Edition& after) {
    const Comparison found = judge_edit(before, after, options).comparison;
    return found.groups[static_cast<std::size_t>(Group::ours)].answer();
  };
  const Edition before = version("old.toml", " {spam.test = REJECT}", "fail.test");
  EXPECT_EQ(answer(before, version("new.toml", " {spam.test = REJECT} {x.test = OK}", "fail.test")),
            Answer::same);
  EXPECT_EQ(answer(before, version("new.toml", " {x.test = DUNNO}", "fail.test")),
            Answer::accepts_more);
  // One lets in more, the other less.
  EXPECT_EQ(answer(before, version("new.toml", " {x.test = DUNNO}", "other.test")), Answer::both);
  // What the lists let in, rules refuse from now on: that is no difference that is found, and
  // nothing is called proved which is not.
  const Edition moved = version("new.toml", " {x.test = DUNNO}", "spam.test");
  const Comparison found = judge_edit(before, moved, options).comparison;
  EXPECT_NE(found.groups[0].refuses_more, Known::yes);
  EXPECT_NE(found.groups[0].accepts_more, Known::no);
}

// RFC 3207 §4: a client may say STARTTLS before any name; the greeting was in clear all the same.
TEST(Vsl, TheGreetingIsInClearForAClientWithoutAName) {
  const auto version = [](const std::string& name, const std::string& greeting,
                          const std::string& mail) {
    Edition made = edition_of(name,
                              "mydestination = \"ours.test\"\nlocal_recipient_maps = \"\"\n"
                              "smtpd_helo_required = \"no\"\n");
    made.config.vsl = config_of({{"main.vsl", "#{ connect: [ rule \"c\" || " + greeting +
                                                  " ], mail: [ rule \"m\" || " + mail + " ] }"}})
                          .vsl;
    return made;
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const std::string bad = "mail_from().domain == \"spam.test\"";
  const Edition before = version("old.toml", "if is_secured() { next() } else { faccept() }",
                                 "if " + bad + " { deny() } else { next() }");
  const Edition after =
      version("new.toml", "next()",
              "if is_secured() && helo() == \"\" && " + bad + " { deny() } else { next() }");
  const Comparison found = judge_edit(before, after, options).comparison;
  EXPECT_EQ(ours(found), Answer::refuses_more) << group_words(found);
}

// What lists let through goes on behind RCPT, also where the rules give no route.
TEST(Vsl, FollowsWhatListsLetThrough) {
  const auto version = [](const std::string& name, const std::string& condition) {
    Edition made = edition_of(name,
                              "mydestination = \"lists.test\"\nrelay_domains = \"relay.test\"\n"
                              "local_recipient_maps = \"\"\n"
                              "smtpd_relay_restrictions = \"reject_unauth_destination\"\n");
    made.config.vsl = config_of({{"main.vsl", "#{ preq: [ rule \"late\" || if " + condition +
                                                  " { deny() } else { next() } ] }"}})
                          .vsl;
    return made;
  };
  const Edition before = version("old.toml", "false");
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  for (const auto& [domain, group] :
       {std::pair("lists.test", Group::ours), std::pair("relay.test", Group::relay)}) {
    const Edition after = version("new.toml", fmt::format("rcpt().domain == \"{}\"", domain));
    const Comparison found = judge_edit(before, after, options).comparison;
    EXPECT_EQ(found.groups[static_cast<std::size_t>(group)].refuses_more, Known::yes) << domain;
  }
}

// A domain is of the group that the version before has it in, also where the rules after call it
// local.
TEST(Vsl, TakesTheGroupOfTheVersionBefore) {
  const auto version = [](const std::string& name, const std::string& condition,
                          const std::set<std::string>& also_local) {
    Edition made = edition_of(name,
                              "mydestination = \"lists.test\"\nrelay_domains = \"relay.test\"\n"
                              "local_recipient_maps = \"\"\n"
                              "smtpd_relay_restrictions = \"reject_unauth_destination\"\n");
    made.config.vsl = config_of({{"main.vsl", "#{ preq: [ rule \"late\" || if " + condition +
                                                  " { deny() } else { next() } ] }"}},
                                also_local)
                          .vsl;
    return made;
  };
  const Edition before = version("old.toml", "false", {});
  const Edition after = version("new.toml", "rcpt().domain == \"relay.test\"", {"relay.test"});
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const Comparison found = judge_edit(before, after, options).comparison;
  EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::relay)].refuses_more, Known::yes);
  EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::ours)].refuses_more, Known::no);
}

TEST(Vsl, FollowsWhatADirectiveDoesToTheEnvelope) {
  const std::string rewrites =
      "#{ mail: [ action \"w\" || rewrite_mail_from_envelop(\"a@b.test\"), rule \"x\" || if "
      "mail_from().domain == \"spam.test\" { deny() } else { next() } ] }";
  EXPECT_EQ(ours(compared_vsl(rewrites, "#{ mail: [ rule \"x\" || next() ] }")), Answer::same);
}

TEST(Vsl, FindsTheLengthThatDiffers) {
  const auto longer_than = [](int length) {
    return fmt::format(
        "#{{ mail: [ rule \"x\" || if mail_from().local_part.len() > {} {{ deny() }} else {{ "
        "next() "
        "}} ] }}",
        length);
  };
  const Comparison found = compared_vsl(longer_than(8), longer_than(9));
  EXPECT_EQ(ours(found), Answer::accepts_more) << group_words(found);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_EQ(found.witnesses.front().spoken.sender.find('@'), 9u);
}

// ------------------------------------------------------------------------------- what is seen

/// A rule of one stage.
std::string rule(std::string_view stage, std::string_view body) {
  return fmt::format("#{{ {}: [ rule \"x\" || {} ] }}", stage, body);
}
std::string denies(std::string_view stage, std::string_view condition) {
  return rule(stage, fmt::format("if {} {{ deny() }} else {{ next() }}", condition));
}

/// Two policies that judge some dialogue otherwise.
struct Different {
  std::string name;
  std::string before;
  std::string after;
};
void PrintTo(const Different& one, std::ostream* out) { *out << one.name; }

std::string in_array(std::string_view object, std::string_view what, std::string_view container) {
  return fmt::format("object g {}; {}", object,
                     denies("mail", fmt::format("{} in {}", what, container)));
}

/// Refuses local parts of a group, without those that have its letters.
std::string kelvin_in(std::string_view group) {
  return rule("mail",
              fmt::format("if mail_from().local_part in [\"k1\", \"K1\"] {{ next() }} else if "
                          "mail_from().local_part.to_lower() in {} {{ deny() }} else {{ "
                          "next() }}",
                          group));
}

/// Refuses one spelling of a local part that is named in another.
std::string spelt_as(std::string_view spelling) {
  return rule("rcpt", fmt::format("{{ let l = rcpt().local_part; if l == \"bob\" {{ next() }} else "
                                  "if l.to_lower() == \"bob\" && l == {} {{ deny() }} else {{ "
                                  "next() }} }}",
                                  spelling));
}

std::vector<Different> different() {
  constexpr std::string_view sender = "mail_from().domain";
  constexpr std::string_view client = "client_ip()";
  const std::string nothing = rule("rcpt", "next()");
  const auto late = [](std::string_view condition) { return denies("rcpt", condition); };
  return {
      {"group_in_array", in_array("group = [\"a.test\"]", sender, "[g]"),
       in_array("group = [\"b.test\"]", sender, "[g]")},
      {"nested_group_in_array", in_array("group = [object h group = [\"a.test\"]]", sender, "[g]"),
       in_array("group = [object h group = [\"b.test\"]]", sender, "[g]")},
      {"network_in_array", in_array("rg4 = \"10.0.0.0/8\"", client, "[g, \"192.0.2.1\"]"),
       in_array("rg4 = \"11.0.0.0/8\"", client, "[g, \"192.0.2.1\"]")},
      {"network6_in_array", in_array("rg6 = \"2001:db8::/32\"", client, "[g]"),
       in_array("rg6 = \"2001:db9::/32\"", client, "[g]")},
      {"group_behind_pattern",
       in_array("group = [\"a.test\"]; object p regex = \"zz\"", sender, "[p, g]"),
       in_array("group = [\"b.test\"]; object p regex = \"zz\"", sender, "[p, g]")},
      {"name_beside_pattern",
       in_array("group = [object a fqdn = \"friend.test\", object b regex = \"^qq\"]", "helo()",
                "g"),
       "object b regex = \"^qq\"; " + denies("mail", "helo() == b || helo() == \"friend.test\"")},
      {"offered", late("!helo_literal_is_client()"), nothing},
      {"client_port_in_range", late("client_port() in 1024..70000"), nothing},
      {"server_port_in_range", late("server_port() in 1..70000"), nothing},
      {"time_in_range", late("mail_timestamp() in 1..7000000000"), nothing},
      {"number_truncates",
       rule("rcpt",
            "{ let a = [1, 2, 3]; a.truncate(client_port()); if a.len == 3 { deny() } else { "
            "next() } }"),
       rule("rcpt", "throw \"x\"")},
      {"lower_contains", late("helo().to_lower().contains(\"spam\")"),
       late("helo().to_upper().contains(\"spam\")")},
      {"lower_matches", "object r regex = \"spam\"; " + late("helo().to_lower() == r"),
       "object r regex = \"spam\"; " + late("helo().to_upper() == r")},
      {"lower_and_upper_of_two",
       late("rcpt().local_part.to_lower() == mail_from().local_part.to_lower()"),
       late("rcpt().local_part.to_lower() == mail_from().local_part.to_upper()")},
      {"lower_and_upper_of_one",
       late("rcpt().local_part.to_lower() == rcpt().local_part.to_upper()"), nothing},
      {"last_spelling",
       rule("helo",
            "if helo() == \"ab\" || helo() == \"AB\" || helo() == \"Ab\" { next() } else if "
            "helo().to_lower() == \"ab\" { deny() } else { next() }"),
       rule("helo", "next()")},
      {"two_spellings",
       rule("rcpt",
            "{ let h = helo(); let l = rcpt().local_part; if h == \"bob\" || l == \"bob\" { next() "
            "} "
            "else if h.to_lower() == \"bob\" && l.to_lower() == \"bob\" && h != l { deny() } else "
            "{ next() } }"),
       nothing},
      {"kelvin",
       rule("rcpt",
            "{ let l = rcpt().local_part; if l == \"k\" || l == \"K\" { next() } else if "
            "l.to_lower() == "
            "\"k\" { deny() } else { next() } }"),
       nothing},
      {"kelvin_in_group", in_array("group = [\"kiss\"]", "mail_from().local_part.to_lower()", "g"),
       denies(
           "mail",
           "mail_from().local_part == \"kiss\" || mail_from().local_part.to_lower() == \"kiss\" && "
           "mail_from().local_part.to_upper() == \"KISS\"")},
      {"grows",
       rule("rcpt",
            "{ let s = helo(); let i = 0; while i < 13 { s = `${s}${s}`; i += 1; } next() }"),
       nothing},
      {"grows_by_adding",
       rule("rcpt", "{ let s = helo(); let i = 0; while i < 13 { s = s + s; i += 1; } next() }"),
       nothing},
      {"null_sender", denies("mail", "mail_from().local_part == \"\""), nothing},
      {"null_sender_is_short", denies("mail", "mail_from().local_part.len() == 0"), nothing},
      {"null_sender_joined",
       denies("mail", "`${mail_from().local_part}${mail_from().domain}`.is_empty()"), nothing},
      {"name_of_header",
       rule("mail", "{ append_header(\"X\", \"1\"); rename_header(\"X\", helo()); next() }"),
       rule("mail", "{ append_header(\"X\", \"1\"); next() }")},
      {"reply_of_name", rule("rcpt", "deny(rcpt_list().local_parts[0])"),
       rule("rcpt", "throw \"x\"")},
      {"level_is_number", rule("rcpt", "{ log(client_port(), \"x\"); next() }"), nothing},
      {"address_and_text", late("rcpt() == mail_from()"), late("`${rcpt()}` == `${mail_from()}`")},
      // Texts that stand for others while a rule is watched.
      {"text_of_a_client", late("client_ip() != \"203.0.113.77\""), nothing},
      {"text_of_a_domain", denies("mail", "mail_from().domain != \"qzsender.test\""), nothing},
      {"joined_to_itself",
       denies("mail", "mail_from() != `${mail_from().local_part}@${mail_from().domain}`"), nothing},
      {"comma_in_a_list",
       "object g group = [object a string = \"k1\", object b string = \"k2\"]; " + kelvin_in("g"),
       "object h group = [object c string = \"k1, k2\"]; " + kelvin_in("h")},
      // Made of pieces, so that no version has them as they stand.
      {"joined_domain", denies("mail", "mail_from().domain == \"qzsen\" + \"der.test\""), nothing},
      {"joined_local_part", denies("mail", "mail_from().local_part == \"Qz.\" + \"Sender\""),
       nothing},
      {"joined_recipient", denies("rcpt", "rcpt().local_part == \"Qz.\" + \"Rcpt\""), nothing},
      {"joined_helo", denies("helo", "helo() == \"Mx.Qz\" + \"client.test\""), nothing},
      {"joined_client", denies("rcpt", "client_ip() == \"203.0.113.\" + \"77\""), nothing},
      {"joined_signer", denies("preq", "verify_dkim().sdid == \"qzsig\" + \"ner.test\""), nothing},
      {"spelt_as_first", spelt_as("\"Bob\""), nothing},
      {"spelt_as_second", spelt_as("\"bOb\""), nothing},
      {"spelt_as_third", spelt_as("\"BOb\""), nothing},
      {"joined_as_first", spelt_as("\"B\" + \"ob\""), nothing},
      {"joined_as_second", spelt_as("\"b\" + \"Ob\""), nothing},
      {"joined_as_third", spelt_as("\"B\" + \"Ob\""), nothing},
      // Watching takes more of the limits than running.
      {"many_turns", rule("rcpt", "{ let i = 0; while i < 50000 { i += 1; } next() }"),
       rule("rcpt", "deny()")},
      {"name_of_a_function",
       "fn spam(x) { 7 }\n" +
           rule("mail",
                "{ try { if [1].map(helo())[0] == 7 { return deny() } } catch { } next() }"),
       nothing},
      {"literal_as_domain", denies("mail", "mail_from().domain.to_lower() != mail_from().domain"),
       nothing},
      {"literal_as_name",
       rule("mail",
            "{ if mail_from().domain == \"\" { return next() } object z fqdn = "
            "mail_from().domain; next() }"),
       nothing},
      {"null_sender_in_list",
       rule("mail", "{ try { [mail_from()].domains[0].len(); return deny() } catch { } next() }"),
       nothing},
      {"quoted_in_debug", denies("mail", "mail_from().local_part.to_debug() == \"x\""), nothing},
      {"name_of_idna", "object a fqdn = \"xn--bcher-kva.test\"; " + denies("helo", "helo() == a"),
       denies("helo",
              "helo().to_lower() == \"xn--bcher-kva.test\" || helo().to_lower() == "
              "\"xn--bcher-kva.test.\"")},
  };
}

class Differing : public testing::TestWithParam<Different> {};

TEST_P(Differing, IsNotCalledTheSame) {
  const Comparison found = compared_vsl(GetParam().before, GetParam().after);
  EXPECT_NE(ours(found), Answer::same) << group_words(found);
}

INSTANTIATE_TEST_SUITE_P(Vsl, Differing, testing::ValuesIn(different()),
                         [](const auto& one) { return one.param.name; });

TEST(Vsl, RulesThatRefuseAllSaySo) {
  // A variable that there is not is an error in each session.
  const std::string wrong = rule("connect", "if client_ip() in nett { deny() } else { next() }");
  const std::string more = wrong.substr(0, wrong.rfind('}')) + ", mail: [ rule \"y\" || deny() ] }";
  const Comparison found = compared_vsl(wrong, more);
  EXPECT_EQ(ours(found), Answer::same) << group_words(found);
  EXPECT_TRUE(found.refuses_all);
  EXPECT_FALSE(compared_vsl(rule("rcpt", "next()"), wrong).refuses_all);
}

TEST(Vsl, LocalPartsThatNeedQuotesAreNamed) {
  for (const std::string_view name : {"a b", "\\\"a b\\\"", "a b,", "it's"}) {
    const std::string script =
        denies("mail", fmt::format("mail_from().local_part.to_lower() == \"{}\"", name));
    const Comparison found = compared_vsl(script, script + " // the same");
    EXPECT_EQ(ours(found), Answer::same) << name << group_words(found);
    const Comparison other = compared_vsl(script, rule("mail", "next()"));
    EXPECT_NE(ours(other), Answer::not_proved) << name << group_words(other);
  }
}

TEST(Vsl, TheClientMayWriteTheCodesOfAReply) {
  const auto replies = [](std::string_view text) {
    return compared_vsl(rule("rcpt", fmt::format("deny({})", text)),
                        rule("rcpt", "deny(\"550 x\")"))
        .replies;
  };
  for (const std::string_view text :
       {"\"550 \" + rcpt().local_part", "\"550  \" + rcpt().local_part",
        "\"550 \t \" + rcpt().local_part + \" x\"", "`550 ${rcpt().local_part} x`"}) {
    EXPECT_NE(replies(text), Known::no) << text;
  }
  for (const std::string_view text :
       {"\"550 not \" + rcpt().local_part", "\"550  not\t\" + rcpt().local_part"}) {
    EXPECT_EQ(replies(text), Known::no) << text;
  }
}

// What is easy to answer is answered.
TEST(Vsl, LooksInsideOfWhatAnArrayHolds) {
  const std::string before = in_array("group = [\"a.test\"]", "mail_from().domain", "[g]");
  const Comparison other = compared_vsl(
      before, in_array("group = [\"a.test\", \"b.test\"]", "mail_from().domain", "[g]"));
  EXPECT_EQ(ours(other), Answer::refuses_more) << group_words(other);
  const Comparison same =
      compared_vsl(before, in_array("group = [\"a.test\"]", "mail_from().domain", "g"));
  EXPECT_EQ(ours(same), Answer::same) << group_words(same);
  const Comparison netblocks = compared_vsl(
      in_array("rg4 = \"10.0.0.0/8\"", "client_ip()", "[g]"),
      in_array("group = [object a rg4 = \"10.0.0.0/9\", object b rg4 = \"10.128.0.0/9\"]",
               "client_ip()", "[g]"));
  EXPECT_EQ(ours(netblocks), Answer::same) << group_words(netblocks);
}

TEST(Vsl, AsksWhatAllDialectsOffer) {
  const Comparison found =
      compared_vsl(denies("rcpt", "!helo_literal_is_client()"), rule("rcpt", "next()"));
  EXPECT_EQ(found.groups[0].accepts_more, Known::yes) << group_words(found);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_TRUE(found.witnesses.front().spoken.helo.value_or("").starts_with('['));
}

/// What a watched dialogue of stand-ins asks of a rule; nullopt: it cannot be watched.
std::optional<std::vector<std::string>> asked_of(const std::string& script) {
  const app::Config config = config_of({{"main.vsl", script}});
  if (!config.vsl.loaded) return std::nullopt;
  const auto definition = boost::json::parse(config.vsl.loaded->definition()).as_object();
  const auto policy = vsl::load_definition(definition, config.vsl.loaded->options().limits, true);
  EXPECT_TRUE(policy);
  std::vector<policy::LayerEntry> layers;
  layers.push_back({std::make_shared<vsl::VslLayer>(*policy), policy::Mode::enforce});
  layers.push_back({policy::gateway_layer()});
  const policy::Engine engine(std::move(layers));
  Diagrams diagrams(1000, [] {});
  vsl::WatchedWords words;
  VslWorld world(diagrams, words, {}, false);
  app::Dialogue dialogue = world.dialogue({});
  dialogue.recipients.front().domain = "ours.test";  // so that it goes on behind RCPT
  vsl::Watch watch(words);
  for (const std::string_view part : {vsl::subject_helo, vsl::subject_sender_local,
                                      vsl::subject_sender_domain, vsl::subject_rcpt_local}) {
    watch.stands.push_back({std::string(part), world.classes().texts(part)->front().text});
  }
  watch.stands.push_back({std::string(vsl::subject_client), dialogue.client.to_string()});
  watch.sender = dialogue.sender->text();
  watch.recipient = dialogue.recipients.front().text();
  const auto resolver = dns::RecordedResolver::parse("{}");
  const policy::Directory directory;
  const vsl::Watched scope(watch);
  app::play({.config = config,
             .engine = engine,
             .directory = directory,
             .resolver = **resolver,
             .frozen = world.frozen({})},
            dialogue);
  if (watch.blind()) return std::nullopt;
  return watch.asked();
}

/// `CALL` as a rule, whose error is no verdict.
std::string calling(std::string_view call, std::string_view stage = "rcpt") {
  return rule(stage, fmt::format("{{ try {{ let v = {}; }} catch {{ }} next() }}", call));
}

constexpr std::string_view stand_ins[] = {
    "helo()",      "rcpt()",        "rcpt().local_part", "mail_from().domain",
    "client_ip()", "client_port()", "[helo()]",          "`x${helo()}`"};

// No operation on a text that stands for others goes unseen: it is noted what is looked at, or the
// run stops. Unseen are those that do the same whatever the text is.
TEST(Vsl, SeesEachOperator) {
  const std::map<std::string_view, std::string_view> forms{
      {"add", "{} + {}"},           {"subtract", "{} - {}"},
      {"multiply", "{} * {}"},      {"divide", "{} / {}"},
      {"remainder", "{} % {}"},     {"power", "{} ** {}"},
      {"minus", "-({})"},           {"plus", "+({})"},
      {"negate", "!({})"},          {"shift_left", "{} << {}"},
      {"shift_right", "{} >> {}"},  {"bits_and", "{} & {}"},
      {"bits_or", "{} | {}"},       {"bits_xor", "{} ^ {}"},
      {"less", "{} < {}"},          {"at_most", "{} <= {}"},
      {"more", "{} > {}"},          {"at_least", "{} >= {}"},
      {"equal", "{} == {}"},        {"unequal", "{} != {}"},
      {"is_in", "{} in {}"},        {"range", "({})..({})"},
      {"range_with", "({})..=({})"}};
  const std::set<std::string_view> unary{"minus", "plus", "negate"};
  std::size_t seen = 0;
  for (const script::HostFunction& one : vsl::operator_functions()) {
    const std::string_view name = one.name.substr(one.name.find('.') + 1);
    if (name == "add") continue;  // a text of both
    const auto form = forms.find(name);
    ASSERT_NE(form, forms.end()) << name;
    for (const std::string_view stand : stand_ins) {
      for (const std::string_view other : {"\"k\"", "1", "[\"k\"]", "(1..3)", "helo()"}) {
        for (const bool first : {true, false}) {
          const std::string_view left = first || unary.contains(name) ? stand : other;
          const std::string_view right = first ? other : stand;
          const std::string call = fmt::format(fmt::runtime(form->second), left, right);
          // No text is a number, an array or a range, nor in a number, and each is itself. A
          // number may be any of these.
          const bool compares = name == "equal" || name == "unequal" || name == "is_in";
          const bool never = compares && stand != "client_port()" && other != "\"k\"" &&
                             (other != "helo()" || stand == other || stand == "[helo()]");
          // These are errors.
          if (never || call == "client_port() in 1" || call == "\"k\" in rcpt()") continue;
          const auto asked = asked_of(calling(call));
          EXPECT_FALSE(asked && asked->empty()) << call;
          ++seen;
        }
      }
    }
  }
  EXPECT_GT(seen, 1000u);
}

TEST(Vsl, SeesEachFunctionAndMethod) {
  std::set<std::string> unseen;
  const auto look = [&](const std::string& name, const std::string& call,
                        std::string_view stage = "rcpt") {
    const auto asked = asked_of(calling(call, stage));
    if (asked && asked->empty()) unseen.insert(name);
  };
  ASSERT_FALSE(asked_of(calling("helo() == \"k\"", "preq")).value().empty());
  const auto arguments = [](std::size_t count, std::size_t at, std::string_view stand) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) {
      list += fmt::format("{}{}", i > 0 ? ", " : "", i == at ? stand : "\"k\"");
    }
    return list;
  };
  for (const std::string_view name : vsl::function_names()) {
    const vsl::Signature signature = vsl::signature_of(name);
    if (signature.to < policy::Stage::rcpt) continue;
    const std::string_view stage = signature.from > policy::Stage::rcpt ? "preq" : "rcpt";
    const std::size_t most = std::min(signature.most, signature.least + 1);
    for (std::size_t count = signature.least; count <= most; ++count) {
      if (count == 0) look(fmt::format("{}()", name), fmt::format("{}()", name), stage);
      for (std::size_t at = 0; at < count; ++at) {
        for (const std::string_view stand : stand_ins) {
          look(fmt::format("{}({})", name, at + 1),
               fmt::format("{}({})", name, arguments(count, at, stand)), stage);
        }
      }
    }
  }
  for (const script::HostTable table : {vsl::method_functions(), vsl::array_functions()}) {
    for (const script::HostFunction& row : table) {
      if (!row.name.starts_with("vsl_method.")) continue;
      const std::string name(row.name.substr(row.name.find('.') + 1));
      const std::size_t count = vsl::method_of(name).least - 1;
      for (const std::string_view stand : stand_ins) {
        look("." + name, fmt::format("({}).{}({})", stand, name, arguments(count, count, "")));
        for (std::size_t at = 0; at < count; ++at) {
          for (const std::string_view owner : {"\"k\"", "[\"k\"]"}) {
            look(fmt::format(".{}({})", name, at + 1),
                 fmt::format("{}.{}({})", owner, name, arguments(count, at, stand)));
          }
        }
      }
    }
  }
  const std::set<std::string> expected{
      // The stand-ins themselves, and what hands a value on or writes it somewhere.
      "client_address()", "client_ip()", "client_port()", "connection_timestamp()", "date()",
      "helo()", "hostname()", "mail_from()", "mail_timestamp()", "message_id()", "rcpt()",
      "rcpt_list()", "server_address()", "server_ip()", "server_name()", "server_port()", "time()",
      "append_header(2)", "prepend_header(2)", "set_header(2)", "debug(1)", "log(1)", "log(2)",
      "print(1)", ".to_debug", ".to_string", ".push(1)",
      // Statuses and transports.
      "accept()", "deny()", "faccept()", "next()", "deliver_all()", "disable_delivery_all()",
      "maildir_all()", "mbox_all()",
      // Of the type alone, and of arrays: how many they hold.
      "type_of(1)", ".type_of", ".contains", ".is_empty", ".keys", ".len", ".pop", ".push",
      ".truncate", ".values"};
  EXPECT_EQ(unseen, expected);
}

TEST(Vsl, SaysOfEachDialogueWhatTheEvaluationSays) {
  constexpr int dialogues = 40;
  const unsigned pairs = amount("POSTERN_PLAN_PAIRS", 60);
  const unsigned seed = amount("POSTERN_PLAN_SEED", std::random_device{}());
  std::size_t decided = 0;
  std::size_t differ = 0;
  std::map<std::string, std::size_t> reasons;
  for (unsigned pair = 0; pair < pairs; ++pair) {
    std::mt19937 random(seed + pair);
    SCOPED_TRACE(fmt::format("POSTERN_PLAN_SEED={} POSTERN_PLAN_PAIRS=1", seed + pair));
    const Rules first = drawn_rules(random);
    const Rules second = edited(random, first);
    SCOPED_TRACE(first.text() + "\n---\n" + second.text());
    const app::Config before = config_of({{"main.vsl", first.text()}});
    const app::Config after = config_of(
        {{"main.vsl", second.text()}},
        random() % 8 == 0 ? std::set<std::string>{"second.test"} : std::set<std::string>{});
    const Comparison found = compared_vsl(before, after);
    bool open = false;
    for (const Group group : {Group::ours, Group::foreign}) {
      open = open || found.groups[static_cast<std::size_t>(group)].answer() == Answer::not_proved;
    }
    if (!open) ++decided;
    for (const NotProved& one : found.not_proved) ++reasons[one.reason + " " + one.text];
    for (const Witness& one : found.witnesses) {
      ASSERT_EQ(is_verdict(one.kind), one.before.taken != one.after.taken) << to_string(one.kind);
    }
    const policy::Engine one = engine_of(before);
    const policy::Engine other = engine_of(after);
    for (int i = 0; i < dialogues; ++i) {
      const Said said = drawn_speech(random);
      const VslOutcome old_one = played_vsl(before, one, said);
      const VslOutcome new_one = played_vsl(after, other, said);
      const bool both =
          old_one.rank == VslOutcome::Rank::taken && new_one.rank == VslOutcome::Rank::taken;
      const bool neither =
          old_one.rank != VslOutcome::Rank::taken && new_one.rank != VslOutcome::Rank::taken;
      if (both && old_one.handling == new_one.handling) continue;
      if (neither && old_one.stage == new_one.stage && old_one.refusal == new_one.refusal) continue;
      ++differ;
      const std::string& domain = said.dialogue.recipients.front().domain;
      const bool ours = is_local_in(before, domain) || is_local_in(after, domain);
      const GroupAnswer& answer =
          found.groups[static_cast<std::size_t>(ours ? Group::ours : Group::foreign)];
      const bool was = old_one.rank == VslOutcome::Rank::taken;
      const bool is = new_one.rank == VslOutcome::Rank::taken;
      const Known& known = was && !is   ? answer.refuses_more
                           : !was && is ? answer.accepts_more
                           : was        ? found.handling
                                        : found.replies;
      ASSERT_NE(known, Known::no) << said_words(said) << "\n"
                                  << group_words(found) << was << " " << is << " "
                                  << old_one.handling << " " << new_one.handling;
    }
  }
  std::string all;
  for (const auto& [reason, count] : reasons) all += fmt::format("\n  {} {}", count, reason);
  std::cout << fmt::format("{} of {} pairs decided, {} dialogues differ{}\n", decided, pairs,
                           differ, all);
  if (pairs >= 60) EXPECT_GE(decided * 10, pairs * 8);  // of fewer, chance makes the share
}

// Looked at all at once, these are more than a million ways through the rules.
TEST(Vsl, EachRuleIsLookedAtByItself) {
  const auto rules = [](int first, int step) {
    std::string text = "#{ preq: [\n";
    for (int i = first; i >= 0 && i < 20; i += step) {
      text += fmt::format(
          "rule \"r{0}\" || if has_header(\"A{0}\") && has_header(\"B{0}\") {{ deny() }} "
          "else {{ next() }},\n",
          i);
    }
    return text + "],\n}\n";
  };
  const Comparison same = compared_vsl(rules(0, 1), rules(19, -1));
  EXPECT_EQ(group_words(same), "ours same; foreign same; ");
  EXPECT_EQ(same.evidence.size(), 40u);
  EXPECT_EQ(group_words(compared_vsl(rules(0, 1), rules(0, 2))),
            "ours accepts_more; foreign same; ");
}

// Rules at EHLO run again after STARTTLS, and about another name if the client gives one.
TEST(Vsl, RulesAtEhloThatAskForTlsAreCompared) {
  const std::string first =
      "#{ helo: [ rule \"a\" || if helo() == \"x.test\" { deny() } else { next() },\n";
  const std::string second = "rule \"b\" || if is_secured() { deny() } else { next() },\n";
  const std::string third = "rule \"c\" || next(),\n";
  const auto words = [&](const std::string& front) {
    return group_words(compared_vsl(first + third + "],\n}\n", front + third + "],\n}\n"));
  };
  EXPECT_EQ(words(first + second), "ours refuses_more; foreign same; ");
  EXPECT_EQ(words(first + "rule \"d\" || accept(),\n" + second), "ours same; foreign same; ");
}

// Rules before the message see the header fields of those in front of them.
TEST(Vsl, HeaderFieldsOfEarlierRulesAreSeen) {
  const auto rules = [](const std::string& stage, const std::string& first,
                        const std::string& second) {
    return "#{ " + stage + ": [ rule \"one\" || " + first + ", rule \"two\" || if has_header(\"" +
           second + "\") { deny() } else { next() } ] }\n";
  };
  for (const std::string stage : {"helo", "mail", "rcpt"}) {
    const std::string adds = "{ append_header(\"X-A\", \"1\"); next() }";
    EXPECT_EQ(group_words(compared_vsl(rules(stage, "next()", "X-A"), rules(stage, adds, "X-A"))),
              "ours refuses_more; foreign same; ")
        << stage;
    EXPECT_EQ(group_words(compared_vsl(rules(stage, adds, "X-B"), rules(stage, "next()", "X-B"))),
              "ours same; foreign same; ")
        << stage;
  }
  EXPECT_NE(
      group_words(compared_vsl(rules("rcpt", "{ check_spf(\"none\"); next() }", "Received-SPF"),
                               rules("rcpt", "{ check_spf(\"both\"); next() }", "Received-SPF"))),
      "ours same; foreign same; ");
  // What changes a field of the message changes none here, where it has none.
  for (const char* changes :
       {"rename_header(\"X-A\", \"X-B\")", "remove_header(\"X-A\")", "set_header(\"X-B\", \"1\")",
        "remove_rcpt_message(\"b@ours.test\")",
        "rewrite_rcpt_message(\"b@ours.test\", \"c@ours.test\")",
        "rewrite_mail_from_message(\"c@ours.test\")", "add_rcpt_message(\"c@ours.test\")"}) {
    for (const char* field : {"X-B", "To", "From"}) {
      const std::string first = fmt::format("{{ {}; next() }}", changes);
      EXPECT_NE(
          group_words(compared_vsl(rules("preq", first, field), rules("preq", "next()", field))),
          "ours same; foreign same; ")
          << changes << " " << field;
      EXPECT_EQ(group_words(compared_vsl(rules("preq", first, field), rules("preq", first, field))),
                "ours same; foreign same; ")
          << changes << " " << field;
    }
  }
}

// A list decides whatever its name and its size are.
TEST(Vsl, ListsOfTwoVersionsAreCompared) {
  std::string large;
  for (int i = 0; i < 6000; ++i) large += fmt::format("d{}.test\n", i);
  for (const std::string name : {"blocked.txt", "blocked.vsl"}) {
    for (const std::string asks : {"next()", "get_header(\"Subject\")"}) {
      for (const std::string& rows : {std::string(), large}) {
        const auto version = [&](const std::string& row) {
          return config_of({{"main.vsl", "object blocked file:fqdn = \"" + name +
                                             "\";\n#{ preq: [ rule \"b\" || { " + asks +
                                             "; if mail_from().domain in blocked { deny() } else { "
                                             "next() } } ] }"},
                            {name, rows + row}});
        };
        const std::string same = "ours same; foreign same; ";
        EXPECT_NE(group_words(compared_vsl(version("spam.test\n"), version("a.test\n"))), same)
            << name << " " << asks << " " << rows.size();
        const app::Config one = version("spam.test\n");
        const app::Config again = version("spam.test\n");
        EXPECT_TRUE(same_vsl(one, again));
        EXPECT_FALSE(same_vsl(one, version("a.test\n")));
        if (rows.empty())
          EXPECT_EQ(group_words(compared_vsl(one, again)), same) << name << " " << asks;
      }
    }
  }
}

// Of what may see their changes, it is known only that it does the same behind the same rules.
TEST(Vsl, RulesThatMaySkipAChangeAreSeen) {
  struct Skipped {
    std::string stage, changes, later, asks;
  };
  const Skipped cases[] = {
      {"preq", "rename_header(\"X-A\", \"X-B\")", "postq", "get_header(\"X-B\") is \"1\""},
      {"mail", "append_header(\"X-A\", \"1\")", "preq", "has_header(\"X-A\")"},
      {"mail", "rewrite_mail_from_envelop(\"q@c.test\")", "rcpt",
       "lookup(mail_from().domain).len() > 0"},
  };
  for (const Skipped& one : cases) {
    const auto rules = [&](const std::string& first, const std::string& second) {
      return fmt::format(
          "#{{ {}: [ {} action \"one\" || {}, {} ], {}: [ rule \"two\" || if {} {{ deny() }} "
          "else {{ next() }} ] }}\n",
          one.stage, first, one.changes, second, one.later, one.asks);
    };
    const std::string skips =
        "rule \"z\" || if client_ip() is \"192.0.2.1\" { accept() } else { next() },";
    EXPECT_NE(group_words(compared_vsl(rules(skips, ""), rules("", ""))),
              "ours same; foreign same; ")
        << one.changes;
    EXPECT_EQ(group_words(compared_vsl(rules(skips, ""), rules(skips, ""))),
              "ours same; foreign same; ")
        << one.changes;
  }
}

// A rule that cannot be followed may grant a route and end the stage; before and after STARTTLS it
// may say two things.
TEST(Vsl, WhatCannotBeFollowedMayDoMore) {
  const std::string grants =
      "#{ rcpt: [ rule \"a\" || { check_rcpt_relay(\"203.0.113.0/24\"); if "
      "lookup(\"mx.z.test\").len() > 0 { accept() } else { next() } }, rule \"b\" || deny() ]";
  EXPECT_NE(group_words(compared_vsl(
                grants + ", preq: [ rule \"d\" || if in_domain(rcpt().domain) { next() } else "
                         "{ deny() } ] }\n",
                grants + " }\n")),
            "ours same; foreign same; ");
  // Whoever replaces a foreign recipient lets it pass.
  const std::string replaces =
      "#{ rcpt: [ rule \"z\" || if in_domain(rcpt().domain) { deny() } else { next() }, rule \"a\" "
      "|| "
      "{ if lookup(\"mx.z.test\").len() > 0 { rewrite_rcpt(rcpt(), \"b@ours.test\"); accept() } "
      "else "
      "{ deny() } } ]";
  EXPECT_NE(group_words(
                compared_vsl(replaces + " }\n", replaces + ", preq: [ rule \"n\" || deny() ] }\n")),
            "ours same; foreign same; ");
  const std::string opaque =
      "rule \"o\" || if !is_secured() && lookup(\"mx.z.test\").len() > 0 { deny() } else { next() "
      "} ] }\n";
  EXPECT_NE(group_words(compared_vsl("#{ helo: [ " + opaque,
                                     "#{ helo: [ rule \"f\" || if is_secured() || client_ip() is "
                                     "\"192.0.2.1\" { next() } else { accept() }, " +
                                         opaque)),
            "ours same; foreign same; ");
}

// A rule that grants something or changes the envelope is not passed over.
TEST(Vsl, WhatARuleLeavesBehindIsKept) {
  const std::string grants = "#{ rcpt: [ rule \"a\" || check_rcpt_relay([]),\n";
  const std::string removes =
      "#{ rcpt: [ action \"a\" || { remove_rcpt(\"b@ours.test\"); add_rcpt(\"c@ours.test\"); },\n";
  const std::string asks =
      "rule \"b\" || if rcpt_list().len() == 1 { next() } else { deny() },\n],\n}\n";
  const std::string nothing = "],\n}\n";
  EXPECT_NE(group_words(compared_vsl(removes + asks, removes + nothing)),
            "ours same; foreign same; ");
  EXPECT_EQ(
      group_words(compared_vsl(grants + nothing, grants + "rule \"c\" || next(),\n" + nothing)),
      "ours same; foreign same; ");
}

}  // namespace
}  // namespace postern::plan
