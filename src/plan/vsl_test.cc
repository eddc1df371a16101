// What is proved of `.vsl` rules holds for each dialogue that the production evaluation plays:
// random pairs of policies, random dialogues. POSTERN_PLAN_SEED repeats a failure, and
// POSTERN_PLAN_PAIRS sets how many pairs are drawn.
#include "plan/vsl.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/script_record.h"
#include "dns/recorded_resolver.h"
#include "plan/amount_test.h"
#include "plan/edition_test.h"
#include "plan/vsl_explore.h"

namespace postern::plan {
namespace {

namespace vsl = dialect::vsl;
using Random = std::mt19937;
using Files = std::map<std::string, std::string>;

app::Config config_of(const Files& files, const std::set<std::string>& also_local = {}) {
  static dialect::NoWorld world;
  app::Config config = app::default_config({.read_files = false}).config;
  config.vsl.domain = "ours.test";
  vsl::VslPolicyOptions options;
  options.path = files.empty() ? "" : "main.vsl";
  if (!files.empty()) options.files = std::make_shared<const Files>(files);
  options.site.domain = "ours.test";
  options.site.hostname = "mx.ours.test";
  options.site.signs = false;
  for (const std::string& one : also_local) options.site.virtual_domains[one] = nullptr;
  options.run = dialect::run_alone;
  auto loaded = vsl::VslPolicy::load(std::move(options), world);
  EXPECT_TRUE(loaded) << loaded.error().front().to_string() << "\n" << files.at("main.vsl");
  if (loaded) config.vsl.loaded = *loaded;
  return config;
}

Version version_of(const app::Config& config) {
  return {.name = "version", .config = &config, .directory = std::make_shared<policy::Directory>()};
}

Comparison compared(const app::Config& before, const app::Config& after) {
  Comparison found;
  compare_vsl(version_of(before), version_of(after), {}, Deadline(std::chrono::seconds(60)), found);
  return found;
}

Comparison compared(const std::string& before, const std::string& after) {
  return compared(config_of({{"main.vsl", before}}), config_of({{"main.vsl", after}}));
}

std::string words_of(const Comparison& found) {
  std::string words;
  for (const Group group : {Group::ours, Group::foreign}) {
    words += fmt::format("{} {}; ", to_string(group),
                         to_string(found.groups[static_cast<std::size_t>(group)].answer()));
  }
  for (const NotProved& one : found.not_proved) words += one.reason + ": " + one.text + "; ";
  return words;
}

// ------------------------------------------------------------------------------- drawing

constexpr std::string_view locals[] = {"bob", "Bob", "jane", "\"bob\"", "x", "abcdefghi", "BOB"};
constexpr std::string_view domains[] = {"spam.test",  "fail.test",   "a.spam.test", "ours.test",
                                        "other.test", "second.test", "partner.test"};
constexpr std::string_view helos[] = {"friend.test", "FRIEND.test", "friend.test.", "mx.spam.test",
                                      "h",           "[192.0.2.1]", "partner.test"};
constexpr std::string_view networks[] = {"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "192.0.2.0/24",
                                         "192.0.2.7/32"};
constexpr std::string_view clients[] = {"10.0.0.1",  "10.127.255.255", "10.128.0.0", "192.0.2.7",
                                        "192.0.2.8", "203.0.113.9",    "127.0.0.1",  "2001:db8::1"};

template <class List>
std::string one_of(Random& random, const List& list) {
  return std::string(list[random() % std::size(list)]);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string status(Random& random) {
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

std::string condition(Random& random, unsigned stage, int depth = 0);

/// Conditions about what is known at a stage: 0 connect, 1 helo, 2 mail, 3 rcpt, 4 message.
std::string atom(Random& random, unsigned stage) {
  const std::string domain = in_quotes(one_of(random, domains));
  const std::string local = in_quotes(one_of(random, locals));
  const std::string helo = in_quotes(one_of(random, helos));
  std::vector<std::string> all{
      "client_ip() in net",
      "client_ip() in hosts",
      fmt::format("client_ip() == {}", in_quotes(one_of(random, clients))),
      fmt::format("client_ip().starts_with({})", in_quotes("10.")),
      "is_secured()",
      "is_authenticated()",
      "1 + 1 == 2",
  };
  if (stage >= 1) {
    for (std::string one :
         {fmt::format("helo() == {}", helo), fmt::format("helo() in names"),
          fmt::format("helo().to_lower() == {}", helo), fmt::format("helo().len() > 9"),
          fmt::format("{} in helo()", in_quotes("spam")), std::string("helo() == pattern")}) {
      all.push_back(std::move(one));
    }
  }
  if (stage >= 2) {
    for (std::string one :
         {fmt::format("mail_from().domain == {}", domain),
          fmt::format("mail_from().domain != {}", domain),
          std::string("mail_from().domain in names"), std::string("mail_from() in people"),
          std::string("mail_from().local_part in people"),
          fmt::format("mail_from().local_part is {}", local),
          fmt::format("mail_from() is {}", in_quotes("bob@" + one_of(random, domains))),
          std::string("in_domain(mail_from())"),
          fmt::format("mail_from().local_part.len() > {}", random() % 10),
          fmt::format("mail_from().domain.ends_with({})", in_quotes("spam.test")),
          std::string("mail_from().domain in pattern"),
          fmt::format("`${{mail_from()}}` == {}", in_quotes("bob@spam.test")),
          std::string("mail_from().domain == helo()"),
          fmt::format("mail_from() == {}", in_quotes("")),
          std::string("#{ \"spam.test\": 1, \"fail.test\": 2 }[mail_from().domain] == 1"),
          fmt::format("mail_from().domain in [{}, {}]", domain, in_quotes("x.test")),
          std::string("bad(mail_from().domain)"), std::string("listed(mail_from().domain)"),
          std::string("check_spf_inner().result == \"fail\"")}) {
      all.push_back(std::move(one));
    }
  }
  if (stage >= 3) {
    for (std::string one :
         {fmt::format("rcpt().domain == {}", domain), fmt::format("rcpt().local_part == {}", local),
          std::string("rcpt() in people"), std::string("in_domain(rcpt())"),
          std::string("rcpt() == mail_from()"), std::string("rcpt_list().len() == 1"),
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

std::string condition(Random& random, unsigned stage, int depth) {
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

std::string body(Random& random, unsigned stage) {
  switch (random() % 12) {
    case 0:
      return status(random);
    case 1:
      if (stage < 2) break;
      return fmt::format(
          "{{ for d in [{}, {}] {{ if mail_from().domain == d {{ return {}; }} }} {} }}",
          in_quotes(one_of(random, domains)), in_quotes(one_of(random, domains)), status(random),
          status(random));
    case 2:
      if (stage < 2) break;
      return fmt::format("switch mail_from().domain {{ {} => {}, {} | {} => {}, _ => {} }}",
                         in_quotes(one_of(random, domains)), status(random),
                         in_quotes(one_of(random, domains)), in_quotes(one_of(random, domains)),
                         status(random), status(random));
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
                         in_quotes("jane@" + one_of(random, domains)), status(random));
    case 6:
      if (stage < 3) break;
      return fmt::format("{{ {}({}); {} }}",
                         random() % 2 == 0 ? "remove_rcpt_envelop" : "add_rcpt_envelop",
                         in_quotes("jane@" + one_of(random, domains)), status(random));
    case 7:
      return fmt::format("{{ try {{ if {} {{ throw \"x\"; }} {} }} catch (e) {{ {} }} }}",
                         condition(random, stage), status(random), status(random));
    case 8:
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

std::string group(Random& random, const std::string& name, const std::string& type,
                  const auto& of) {
  std::string text = fmt::format("object {} group = [", name);
  for (unsigned i = 0, count = 1 + random() % 3; i < count; ++i) {
    text += fmt::format("{}object {}{} {} = {}", i > 0 ? ", " : "", name, i, type,
                        in_quotes(one_of(random, of)));
  }
  return text + "];";
}

std::string head(Random& random, std::size_t which) {
  switch (which) {
    case 0:
      return fmt::format("object net rg4 = {};", in_quotes(one_of(random, networks)));
    case 1:
      return group(random, "hosts", "rg4", networks);
    case 2:
      return group(random, "names", "fqdn", domains);
    case 3:
      return fmt::format(
          "object people group = [object p0 address = {}, object p1 fqdn = {}, object p2 "
          "identifier = {}];",
          in_quotes("jane@" + one_of(random, domains)), in_quotes(one_of(random, domains)),
          in_quotes(one_of(random, locals)));
    case 4:
      return fmt::format("object pattern regex = {};",
                         in_quotes(random() % 2 == 0 ? "^sp.*t$" : "(mx|spam)[.]"));
    case 5:
      return fmt::format("fn bad(d) {{ d == {} || d in names }}",
                         in_quotes(one_of(random, domains)));
    default:
      return fmt::format(
          "fn listed(d) {{ let all = [{}]; for one in all {{ if one == d {{ return true; }} }} "
          "false }}",
          in_quotes(one_of(random, domains)));
  }
}
constexpr std::size_t heads = 7;

Rules drawn(Random& random) {
  Rules rules;
  for (std::size_t which = 0; which < heads; ++which) rules.head.push_back(head(random, which));
  for (std::size_t stage = 0; stage < rules.stages.size(); ++stage) {
    const unsigned count = stage < 2 || stage == 4 ? random() % 2 : random() % 3;
    for (unsigned i = 0; i < count; ++i) {
      rules.stages[stage].push_back(body(random, static_cast<unsigned>(stage)));
    }
  }
  return rules;
}

/// The rules with one edit, or with none.
Rules edited(Random& random, Rules rules) {
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

Said drawn_dialogue(Random& random) {
  Said said;
  app::Dialogue& dialogue = said.dialogue;
  dialogue.client = *IpAddress::parse(one_of(random, clients));
  // Without HELO the session itself refuses MAIL.
  dialogue.helo = one_of(random, helos);
  dialogue.tls = random() % 3 == 0;
  if (random() % 4 == 0) {
    dialogue.tls = true;
    dialogue.login = "alice";
  }
  if (random() % 8 != 0) {
    dialogue.sender = mail::parse_mailbox(one_of(random, locals) + "@" + one_of(random, domains),
                                          mail::Utf8::allowed)
                          .value();
  }
  const auto rcpt = one_of(random, locals) + "@" + one_of(random, domains);
  dialogue.recipients = {*mail::parse_mailbox(rcpt, mail::Utf8::allowed)};
  if (random() % 10 == 0 && dialogue.sender) dialogue.recipients = {*dialogue.sender};
  dialogue.message = std::string(plain_message);
  if (random() % 3 == 0) dialogue.message = "X-Bad: 1\r\n" + *dialogue.message;
  constexpr std::string_view records[] = {"v=spf1 +all", "v=spf1 -all", "v=spf1 ~all",
                                          "v=spf1 bogus:"};
  std::string names;
  for (const std::string_view domain : domains) {
    if (random() % 3 == 0) continue;
    names += fmt::format(R"({}"{}": {{"TXT": ["{}"]}})", names.empty() ? "" : ", ", domain,
                         one_of(random, records));
  }
  said.zone = "{" + names + "}";
  return said;
}

VslOutcome played(const app::Config& config, const policy::Engine& engine, const Said& said) {
  auto resolver = dns::RecordedResolver::parse(said.zone);
  EXPECT_TRUE(resolver) << said.zone;
  const policy::Directory directory;
  return vsl_outcome_of(app::play(
      {.config = config, .engine = engine, .directory = directory, .resolver = **resolver},
      said.dialogue));
}

std::string words_of(const Said& said) {
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
  EXPECT_EQ(ours(compared(before, "#{ helo: [ rule \"x\" || next(), " + lookup + " ] }")),
            Answer::same);
  EXPECT_EQ(ours(compared(before, "#{ helo: [ " + lookup + ", rule \"x\" || deny() ] }")),
            Answer::refuses_more);
  std::string other = before;
  other.replace(other.find("bl.test"), 7, "wl.test");
  const Comparison found = compared(before, other);
  EXPECT_EQ(ours(found), Answer::not_proved);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.front().reason, "service");
  EXPECT_NE(found.not_proved.front().text.find("main.vsl:1:"), std::string::npos);
  EXPECT_GT(found.played, 0u);
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
  EXPECT_EQ(ours(compared(rewrites, "#{ mail: [ rule \"x\" || next() ] }")), Answer::same);
}

TEST(Vsl, FindsTheLengthThatDiffers) {
  const auto longer_than = [](int length) {
    return fmt::format(
        "#{{ mail: [ rule \"x\" || if mail_from().local_part.len() > {} {{ deny() }} else {{ "
        "next() "
        "}} ] }}",
        length);
  };
  const Comparison found = compared(longer_than(8), longer_than(9));
  EXPECT_EQ(ours(found), Answer::accepts_more) << words_of(found);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_EQ(found.witnesses.front().spoken.sender.find('@'), 9u);
}

TEST(Vsl, SaysOfEachDialogueWhatTheEvaluationSays) {
  constexpr int dialogues = 40;
  const unsigned pairs = amount("POSTERN_PLAN_PAIRS", 60);
  const unsigned seed = amount("POSTERN_PLAN_SEED", std::random_device{}());
  std::size_t decided = 0;
  std::size_t differ = 0;
  std::map<std::string, std::size_t> reasons;
  for (unsigned pair = 0; pair < pairs; ++pair) {
    Random random(seed + pair);
    SCOPED_TRACE(fmt::format("POSTERN_PLAN_SEED={} POSTERN_PLAN_PAIRS=1", seed + pair));
    const Rules first = drawn(random);
    const Rules second = edited(random, first);
    SCOPED_TRACE(first.text() + "\n---\n" + second.text());
    const app::Config before = config_of({{"main.vsl", first.text()}});
    const app::Config after = config_of(
        {{"main.vsl", second.text()}},
        random() % 8 == 0 ? std::set<std::string>{"second.test"} : std::set<std::string>{});
    const Comparison found = compared(before, after);
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
      const Said said = drawn_dialogue(random);
      const VslOutcome old_one = played(before, one, said);
      const VslOutcome new_one = played(after, other, said);
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
      ASSERT_NE(known, Known::no) << words_of(said) << "\n"
                                  << words_of(found) << was << " " << is << " " << old_one.handling
                                  << " " << new_one.handling;
    }
  }
  std::string all;
  for (const auto& [reason, count] : reasons) all += fmt::format("\n  {} {}", count, reason);
  std::cout << fmt::format("{} of {} pairs decided, {} dialogues differ{}\n", decided, pairs,
                           differ, all);
  EXPECT_GE(decided * 10, pairs * 8);
}

}  // namespace
}  // namespace postern::plan
