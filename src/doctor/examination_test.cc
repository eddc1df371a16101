#include "doctor/examination.h"

#include <gmock/gmock.h>

#include <map>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/temporary_folder_test.h"
#include "base/time_text.h"
#include "doctor/configured.h"

namespace postern::doctor {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

/// A gateway that gives fixed answers, and a name server.
class Examining : public testing::Test {
 protected:
  Examining() {
    sources_.gateway = [this](std::string_view question,
                              const json::object&) -> std::optional<Result<json::object>> {
      ++asked_[std::string(question)];
      if (denied_) return fail(Fault::denied, "control: Permission denied");
      if (!runs_) return std::nullopt;
      const auto found = answers_.find(std::string(question));
      if (found == answers_.end()) return fail(Fault::malformed, "an older gateway");
      return Result<json::object>(found->second);
    };
    sources_.destinations = [this]() -> Result<json::object> { return destinations_; };
    sources_.databases = [] { return std::vector<backup::DatabaseState>(); };
    sources_.verification = [this]() -> Result<json::object> { return verification_; };
    sources_.dns = [this](const dns::Question& question) -> dns::Answer {
      ++asked_[question.name];
      const auto found = zone_.find(question.name);
      if (silent_) return {.status = dns::Status::timeout, .records = {}};
      if (found == zone_.end()) return {.status = dns::Status::nx_domain, .records = {}};
      return {.status = dns::Status::found, .records = {found->second}};
    };
    answers_["health"] = {{"problems", json::array()}, {"version", "1"},
                          {"revision", "a"},           {"sandbox", "landlock 7, seccomp"},
                          {"descriptors", 1000000},    {"listeners", json::array()}};
  }
  Findings examine_all(const std::vector<std::string_view>& names) {
    app::LoadOptions load;
    load.read_files = false;
    Examination examination(
        app::parse_config("[server]\nhostname = \"MX.example.org\"\ndata_dir = \"" +
                              folder_.path() + "\"\n" + more_,
                          "p.toml", load),
        named_, sources_);
    return examine(examination, names);
  }

  tests::TemporaryFolder folder_;
  std::map<std::string, json::object> answers_;
  std::map<std::string, std::string> zone_;
  std::map<std::string, int> asked_;
  json::object destinations_;
  json::object verification_;
  std::string more_;
  bool runs_ = true;
  bool silent_ = false;
  bool denied_ = false;
  Named named_;
  Sources sources_;
};

TEST_F(Examining, reads_messages_only_while_a_gateway_runs) {
  verification_ = {{"messages", 2},
                   {"wrong", 1},
                   {"findings", {{{"message", "01ab"}, {"what", "the checksum is wrong"}}}}};
  EXPECT_EQ(text_of(examine_all({"integrity"})),
            "fail  integrity    01ab: the checksum is wrong. To do: postern queue verify\n"
            "ok    integrity    0 databases are sound; 2 messages were read\n");
  runs_ = false;
  EXPECT_EQ(examine_all({"integrity"}).front().level, Level::note);
}

TEST_F(Examining, runs_the_named_checks_in_their_order_and_asks_once) {
  const Findings found = examine_all({"version", "server", "sandbox"});
  EXPECT_THAT(found,
              ElementsAre(Field(&Finding::check, "server"), Field(&Finding::check, "version"),
                          Field(&Finding::check, "sandbox")));
  EXPECT_EQ(asked_["health"], 1);
}

TEST_F(Examining, the_gateway_knows_the_domains_and_the_keys) {
  answers_["verified-domains"] = {{"domains", {"example.org"}}};
  answers_["dkim-keys"] = {
      {"keys",
       {{{"domain", "example.org"},
         {"selector", "s1"},
         {"signing", true},
         {"record", "v=DKIM1; p="}},
        {{"domain", "example.org"}, {"selector", "s2"}, {"signing", false}, {"record", ""}}}}};
  zone_["example.org"] = "10 mx.example.org";
  EXPECT_THAT(examine_all({"mx"}),
              ElementsAre(Field(&Finding::what, "mail for example.org comes to mx.example.org")));
  examine_all({"dkim"});
  EXPECT_EQ(asked_["s1._domainkey.example.org"], 1);
  EXPECT_EQ(asked_["s2._domainkey.example.org"], 0);
}

TEST_F(Examining, names_of_the_operator_come_first) {
  answers_["verified-domains"] = {{"domains", {"example.org"}}};
  named_.domains = {"example.net"};
  EXPECT_THAT(examine_all({"mx"}), ElementsAre(Field(&Finding::what, HasSubstr("example.net"))));
  EXPECT_EQ(asked_["verified-domains"], 0);
}

TEST_F(Examining, a_silent_name_server_is_asked_twice) {
  silent_ = true;
  named_.domains = {"a.example", "b.example", "c.example", "d.example"};
  EXPECT_EQ(examine_all({"mx"}).size(), 4u);
  EXPECT_EQ(asked_["a.example"] + asked_["b.example"] + asked_["c.example"], 2);
}

TEST_F(Examining, sums_up_the_queue) {
  destinations_["data"] = {
      {{"queued", 2}, {"dead", 1}, {"oldest_at", "2026-01-01T00:00:00Z"}},
      {{"queued", 3}, {"dead", 0}, {"oldest_at", to_rfc3339(std::chrono::system_clock::now())}}};
  EXPECT_THAT(examine_all({"queue"}),
              ElementsAre(AllOf(Field(&Finding::level, Level::warn),
                                Field(&Finding::what, HasSubstr("5 recipients wait"))),
                          Field(&Finding::what, "1 deliveries were given up")));
  runs_ = false;
  EXPECT_THAT(examine_all({"queue"}), ElementsAre(Field(&Finding::level, Level::note)));
}

TEST_F(Examining, tells_who_does_not_take_a_certificate) {
  answers_["tls-status"] = {{"listeners", {{{"listener", "smtp"}, {"error", "no key"}}}}};
  EXPECT_THAT(examine_all({"certificate"}),
              testing::Contains(AllOf(Field(&Finding::level, Level::fail),
                                      Field(&Finding::what, HasSubstr("smtp: no key")))));
}

// As after LoadCredential=: the file is the service's alone, and its end is watched all the same.
TEST_F(Examining, asks_the_gateway_about_a_certificate_that_it_alone_has) {
  more_ =
      "[[listener]]\nname = \"smtp\"\ncertificate = \"credential:certs_mx.pem\"\n"
      "key = \"credential:certs_mx.key\"\n";
  EXPECT_THAT(examine_all({"certificate"}),
              ElementsAre(AllOf(
                  Field(&Finding::level, Level::note),
                  Field(&Finding::to_do, HasSubstr("--credentials certs:/etc/postern/cred")))));
  const auto ends_in = [&](int days) {
    answers_["tls-status"] = {{"listeners",
                               {{{"listener", "smtp"},
                                 {"error", ""},
                                 {"not_after", to_rfc3339(std::chrono::system_clock::now() +
                                                          std::chrono::days(days))}}}}};
    return examine_all({"certificate"});
  };
  EXPECT_THAT(ends_in(60),
              ElementsAre(AllOf(Field(&Finding::level, Level::ok),
                                Field(&Finding::what, HasSubstr(", the gateway says")))));
  EXPECT_THAT(ends_in(14), ElementsAre(Field(&Finding::level, Level::warn)));
  EXPECT_THAT(ends_in(3), ElementsAre(Field(&Finding::level, Level::fail)));
}

TEST_F(Examining, does_not_call_the_gateway_another_program) {
  denied_ = true;
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  socklen_t size = sizeof at;
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listening, 1), 0);
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size), 0);
  more_ = "[api]\naddress = \"127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "\"\n";
  const Findings found = examine_all({"ports"});
  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found, testing::Each(Field(&Finding::level, testing::Ne(Level::fail))));
  denied_ = false;
  runs_ = false;
  EXPECT_THAT(examine_all({"ports"}), testing::Contains(Field(&Finding::level, Level::fail)));
  ::close(listening);
}

TEST(Configured, addresses_of_listeners_and_of_proxies) {
  app::LoadOptions load;
  load.read_files = false;
  const auto addresses_of = [&](std::string_view text) {
    const app::ConfigResult loaded = app::parse_config(text, "p.toml", load);
    std::vector<std::string> out;
    for (const IpAddress& each : public_addresses(loaded.config)) out.push_back(each.to_string());
    return out;
  };
  EXPECT_THAT(
      addresses_of(
          "[[listener]]\naddress = \"192.0.2.1:25\"\n[[listener]]\nname = \"in\"\naddress = "
          "\"127.0.0.1:2525\"\n"),
      ElementsAre("192.0.2.1"));
  EXPECT_THAT(addresses_of("[relay]\nproxy_addresses = [\"192.0.2.9\"]\n"),
              ElementsAre("192.0.2.9"));
}

}  // namespace
}  // namespace postern::doctor
