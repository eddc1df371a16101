#include "admin/gateway_page.h"

#include <gtest/gtest.h>
#include <filesystem>
#include <regex>
#include <set>

#include "admin/ports.h"
#include "admin/test_api.h"
#include "dialect/restrictions/rules.h"

namespace postern::admin {
namespace {

namespace restrictions = dialect::restrictions;

class CountedQueue final : public QueueControl {
 public:
  using Text = StoredText;
  Task<Result<std::vector<spool::Message>>> list(spool::ListFilter, spool::MessageId,
                                                 std::size_t) override {
    co_return std::vector<spool::Message>();
  }
  Task<Result<std::optional<spool::Message>>> show(spool::MessageId) override {
    co_return std::nullopt;
  }
  Task<Result<Text>> text(spool::MessageId) override { co_return Text{}; }
  Task<Result<void>> act(spool::Action, spool::MessageId, Notify) override {
    co_return Result<void>();
  }
  Task<Result<BulkResult>> act_on_all(spool::Action, spool::ListFilter, spool::MessageId,
                                      Notify) override {
    co_return BulkResult{};
  }
  Task<Result<spool::Verification>> verify() override { co_return spool::Verification{}; }
  Task<Result<std::vector<DestinationState>>> destinations() override {
    co_return std::vector<DestinationState>{{.queued = 3, .dead = 1},
                                            {.queued = 2, .held = 4, .quarantined = 5}};
  }
};

/// An API with restriction lists, a queue and two listeners.
struct GatewayApi {
  GatewayApi()
      : api([this](Options& options, Dependencies& deps) {
          options.version = "1.2.3";
          options.hostname = "mx.example.net";
          lists = std::make_unique<RunningLists>(deps.store, "mx.example.net");
          deps.lists = lists.get();
          deps.queue = &queue;
          deps.dnssec = [] { return std::string("validating"); };
          deps.smtp_listeners = [] {
            return std::vector<SmtpListener>{{"0.0.0.0:25", "starttls"},
                                             {"0.0.0.0:465", "implicit"}};
          };
        }) {
    token = api.account();
  }
  Answer show() { return api.get("/api/v1/gateway", token); }
  std::string verdict_with(const std::string& relay_list) {
    restrictions::Section section;
    section.parameters["smtpd_relay_restrictions"] = relay_list;
    section.open_relay_is_known = true;
    auto judged = std::make_shared<const restrictions::Judged>(
        restrictions::judge(section, "mx.example.net", {}));
    EXPECT_TRUE(lists->follow_file(section, judged)) << relay_list;
    return show().text("/relay/verdict");
  }

  CountedQueue queue;
  std::unique_ptr<RunningLists> lists;
  TestApi api;
  std::string token;
};

TEST(GatewayPage, says_what_the_gateway_is) {
  GatewayApi gateway;
  const Answer answer = gateway.show();
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.text("/version"), "1.2.3");
  EXPECT_EQ(answer.text("/hostname"), "mx.example.net");
  EXPECT_EQ(answer.text("/public_domain"), "hooks.example.net");
  EXPECT_EQ(answer.text("/smtp/1/address"), "0.0.0.0:465");
  EXPECT_EQ(answer.text("/smtp/1/tls"), "implicit");
  EXPECT_EQ(answer.text("/signup"), "open");
  EXPECT_EQ(answer.text("/dnssec"), "validating");
  EXPECT_EQ(answer.text("/relay/verdict"), "none");
  EXPECT_EQ(boost::json::serialize(answer.json.at("queue")),
            R"({"queued":5,"held":4,"dead":1,"quarantined":5})");
  const Answer other = gateway.api.get("/api/v1/gateway", gateway.api.account("b@example.com"));
  EXPECT_EQ(other.status, 200);
  EXPECT_TRUE(other.json.at("queue").is_null()) << "the queue is for operators";
  EXPECT_TRUE(other.json.at("dnssec").is_null()) << "and so are our name servers";
  EXPECT_EQ(gateway.api.get("/api/v1/gateway").status, 401);
}

TEST(GatewayPage, relay_verdict_follows_the_lists) {
  GatewayApi gateway;
  EXPECT_EQ(gateway.verdict_with("permit_mynetworks, reject_unauth_destination"), "closed");
  const auto closed = gateway.show().json.at_pointer("/relay/revision").to_number<int>();
  EXPECT_EQ(gateway.verdict_with("check_recipient_access inline:{ {example.net = OK} "
                                 "{example.org = REJECT} }, reject_unauth_destination"),
            "keyed");
  const Answer keyed = gateway.show();
  EXPECT_EQ(boost::json::serialize(keyed.json.at_pointer("/relay/keys")), R"(["example.net"])");
  EXPECT_GT(keyed.json.at_pointer("/relay/revision").to_number<int>(), closed);
  const Answer other = gateway.api.get("/api/v1/gateway", gateway.api.account("b@example.com"));
  EXPECT_EQ(other.text("/relay/verdict"), "keyed");
  EXPECT_EQ(boost::json::serialize(other.json.at_pointer("/relay/keys")), "[]")
      << "whoever knows a key can relay";
  EXPECT_EQ(gateway.verdict_with("check_policy_service inet:127.0.0.1:10023, "
                                 "reject_unauth_destination"),
            "keyed");
  EXPECT_EQ(gateway.show().text("/relay/keys/0"), "check_policy_service inet:127.0.0.1:10023");
  EXPECT_EQ(gateway.verdict_with("permit"), "open");
}

TEST(GatewayPage, serves_its_own_description) {
  GatewayApi gateway;
  const Answer answer = gateway.api.get("/api/v1/openapi.yaml");
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.raw.content_type, "application/yaml");
  EXPECT_NE(answer.body.find("\nservers:\n- url: \"https://postern.example.net/api/v1\"\n"),
            std::string::npos);
  EXPECT_NE(answer.body.find("\n  /gateway:\n"), std::string::npos);
  const std::string tag(*answer.raw.header("ETag"));
  const auto asked = [&](const std::string& known) {
    return gateway.api.call({"GET", "/api/v1/openapi.yaml", "", "", {{"if-none-match", known}}});
  };
  EXPECT_EQ(asked(tag).status, 304);
  EXPECT_EQ(asked(tag).body, "");
  EXPECT_EQ(asked("W/\"1\", " + tag).status, 304);
  EXPECT_EQ(asked("\"1\"").status, 200);
}

/// "GET /webhooks/{id}" for each operation of openapi.yaml.
std::set<std::string> documented(const std::string& yaml) {
  std::set<std::string> operations;
  std::string path;
  bool inside = false;
  for (const std::string_view line : split(yaml, '\n')) {
    if (!line.empty() && line[0] != ' ') inside = line == "paths:";
    if (!inside) continue;
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const std::string_view method : {"get", "post", "put", "delete"}) {
      if (line == "    " + std::string(method) + ":") operations.insert(upper(method) + " " + path);
    }
  }
  return operations;
}

/// The codes of refusals in the sources, except that of a disconnected client.
std::set<std::string> codes_in_use() {
  std::set<std::string> codes;
  const std::regex word(
      R"re((?:Refusal\s*\{|HttpFault\{|return \{|\(\{)\s*[45]\d\d,\s*"([a-z_]+)"|conflict\(\s*"([a-z_]+)")re");
  for (const char* room : {"/src/admin", "/src/net"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(POSTERN_SOURCE_DIR) + room)) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".cc" || name.ends_with("_test.cc")) continue;
      const std::string text = tests::read_file(entry.path());
      for (auto it = std::sregex_iterator(text.begin(), text.end(), word);
           it != std::sregex_iterator(); ++it) {
        codes.insert((*it)[1].matched ? (*it)[1] : (*it)[2]);
      }
    }
  }
  codes.erase("client_gone");
  return codes;
}

TEST(GatewayPage, every_code_word_is_described) {
  const std::string yaml = tests::read_file(POSTERN_SOURCE_DIR "/docs/openapi.yaml");
  const std::string page = tests::read_file(POSTERN_SOURCE_DIR "/docs/api.md");
  const std::set<std::string> codes = codes_in_use();
  EXPECT_GT(codes.size(), 25u);
  for (const std::string& code : codes) {
    EXPECT_NE(yaml.find("          - " + code + "\n"), std::string::npos) << code;
    EXPECT_NE(page.find("`" + code + "`"), std::string::npos) << code;
  }
}

/// The opposite check, that each is sent, must call them all: see tests/system/api.py.
TEST(GatewayPage, every_route_is_described) {
  GatewayApi gateway;
  const std::set<std::string> described = documented(gateway.api.get("/api/v1/openapi.yaml").body);
  EXPECT_GT(described.size(), 80u);
  constexpr std::string_view base = "/api/v1";
  for (const auto& [method, path] : gateway.api.api->routes()) {
    if (!path.starts_with(base)) continue;
    EXPECT_TRUE(described.contains(method + " " + path.substr(base.size()))) << method << path;
  }
}

TEST(GatewayPage, an_address_cannot_break_the_description) {
  const std::string yaml = "info: {}\nservers:\n- url: https://x.example/api/v1\nsecurity: []\n";
  EXPECT_EQ(openapi_for(yaml, "http://a\"b\n- c"),
            "info: {}\nservers:\n- url: \"http://a\\\"b\\n- c/api/v1\"\nsecurity: []\n");
}

TEST(ConnectionPolicyKeywords, come_from_the_table) {
  GatewayApi gateway;
  const Answer answer = gateway.api.get("/api/v1/connection-policies/keywords", gateway.token);
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::map<std::string, boost::json::object> words;
  for (const auto& entry : answer.json.at("data").as_array())
    words.emplace(entry.at("name").as_string(), entry.as_object());
  std::size_t spellings = 0;
  for (const restrictions::Keyword& keyword : restrictions::keywords()) {
    spellings += keyword.former.empty() ? 1 : 2;
    ASSERT_TRUE(words.contains(std::string(keyword.name))) << keyword.name;
    EXPECT_FALSE(words.at(std::string(keyword.name)).at("summary").as_string().empty());
  }
  EXPECT_EQ(words.size(), spellings);
  EXPECT_EQ(words.at("reject_rbl_client").at("argument").as_string(), "domain[=answers]");
  EXPECT_TRUE(words.at("permit").at("argument").is_null());
  EXPECT_EQ(words.at("check_sender_access").at("effect").as_string(), "check");
  EXPECT_EQ(boost::json::serialize(words.at("check_etrn_access").at("lists")), R"(["etrn"])");
  EXPECT_EQ(words.at("reject_unknown_client").at("replaced_by").as_string(),
            "reject_unknown_client_hostname");
  EXPECT_EQ(
      gateway.api.get("/api/v1/connection-policies/keywords", gateway.api.account("b@example.com"))
          .status,
      403);
}

}  // namespace
}  // namespace postern::admin
