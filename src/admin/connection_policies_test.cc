#include "admin/connection_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "dialect/restrictions/table.h"

namespace postern::admin {
namespace {

namespace restrictions = dialect::restrictions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* lists_path = "/api/v1/connection-policies";

/// An API with lists, and records which lists were put into force.
struct ListsApi {
  ListsApi()
      : api([this](Options& options, Dependencies& deps) {
          options.operators = operators;
          lists = std::make_unique<RunningLists>(
              deps.store, "mx.example.net",
              [this](const Lists& now) { applied.push_back(now.row.revision); });
          deps.lists = lists.get();
        }) {
    token = api.account();
  }
  Answer put(const std::string& body,
             std::vector<std::pair<std::string, std::string>> headers = {}) {
    return api.call({"PUT", lists_path, body, token, std::move(headers)});
  }
  /// A section of a file, judged as when the configuration is loaded.
  Result<void> follow(std::optional<restrictions::Section> section,
                      ListsOver over = ListsOver::file) {
    std::shared_ptr<const restrictions::Judged> judged;
    if (section)
      judged = std::make_shared<const restrictions::Judged>(
          restrictions::judge(*section, "mx.example.net", restrictions::file_sources()));
    return lists->follow_file(section, judged, lists->file_rules(), over);
  }

  std::vector<std::string> operators;
  std::vector<std::uint64_t> applied;
  std::unique_ptr<RunningLists> lists;
  TestApi api;
  std::string token;
};

restrictions::Section section(std::map<std::string, std::string, std::less<>> parameters) {
  restrictions::Section made;
  made.parameters = std::move(parameters);
  return made;
}

TEST(ConnectionPolicies, begin_without_lists) {
  ListsApi api;
  const Answer answer = api.api.get(lists_path, api.token);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("revision").as_int64(), 0);
  EXPECT_EQ(answer.json.at("enabled").as_bool(), false);
  EXPECT_TRUE(answer.json.at("lint").is_null());
}

TEST(ConnectionPolicies, a_put_runs_and_says_what_the_linter_thinks) {
  ListsApi api;
  const Answer answer = api.put(
      R"({"lists":{"sender":"permit_mynetworks,\nreject_non_fqdn_hostname"},
          "parameters":{"mynetworks":"192.0.2.0/24","smtpd_helo_required":true},"note":"first"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json.at("revision").as_int64(), 1);
  EXPECT_EQ(answer.text("/source"), "api");
  EXPECT_EQ(answer.text("/note"), "first");
  EXPECT_EQ(answer.text("/parameters/smtpd_helo_required"), "yes");
  EXPECT_EQ(answer.text("/lint/open_relay"), "no");
  EXPECT_EQ(answer.json.at_pointer("/lint/lists/sender/complete").as_bool(), false);
  EXPECT_THAT(answer.text("/lint/lists/relay/in_effect"), HasSubstr("defer_unauth_destination"));
  EXPECT_THAT(boost::json::serialize(answer.json.at_pointer("/lint/lists/sender/marks")),
              HasSubstr("reject_non_fqdn_helo_hostname"));
  EXPECT_EQ(api.applied, std::vector<std::uint64_t>{1});
  bool old_name = false;
  for (const auto& mark : answer.json.at_pointer("/lint/marks").as_array()) {
    if (mark.as_object().if_contains("fix") == nullptr) continue;
    old_name = true;
    EXPECT_EQ(mark.at("list").as_string(), "sender");
    EXPECT_EQ(mark.at("line").as_int64(), 2);
    EXPECT_EQ(mark.at("column").as_int64(), 1);
    EXPECT_EQ(mark.at("length").as_int64(), 24);
    EXPECT_EQ(mark.at("fix").as_string(), "reject_non_fqdn_helo_hostname");
  }
  EXPECT_TRUE(old_name) << answer.body;
  // A response may be sent back as a request.
  EXPECT_EQ(api.put(answer.body).status, 200);
  EXPECT_EQ(api.api.get(lists_path, api.token).json.at("revision").as_int64(), 2);
}

TEST(ConnectionPolicies, what_does_not_compile_is_422_at_its_place) {
  ListsApi api;
  const Answer answer =
      api.put(R"({"lists":{"recipient":"permit_mynetworks,\n reject_unauth_destinatio, permit"}})");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.code(), "validation_failed");
  EXPECT_TRUE(answer.has_field("lists.recipient")) << answer.body;
  const auto& mark = answer.json.at_pointer("/marks/0");
  EXPECT_EQ(mark.at("list").as_string(), "recipient");
  EXPECT_EQ(mark.at("line").as_int64(), 2);
  EXPECT_EQ(mark.at("column").as_int64(), 2);
  EXPECT_TRUE(api.applied.empty());
  EXPECT_EQ(api.api.get(lists_path, api.token).json.at("revision").as_int64(), 0);
}

TEST(ConnectionPolicies, what_opens_a_relay_is_409_with_the_dialogue) {
  ListsApi api;
  const Answer answer = api.put(
      R"({"lists":{"relay":"permit_mynetworks, check_sender_access inline:{example.com=OK}, reject_unauth_destination"}})");
  EXPECT_EQ(answer.status, 409) << answer.body;
  EXPECT_EQ(answer.code(), "open_relay");
  EXPECT_THAT(boost::json::serialize(answer.json.at("witness")), HasSubstr("MAIL FROM:<"));
  EXPECT_TRUE(api.applied.empty());
  // Only the file may declare an open relay as intended.
  EXPECT_EQ(api.put(R"({"lists":{"relay":"permit"},"i_know_this_is_an_open_relay":true})").status,
            422);
  // A list in shadow mode enforces nothing, so it cannot be an open relay.
  EXPECT_EQ(api.put(R"({"lists":{"relay":"permit"},"mode":"shadow"})").status, 200);
}

TEST(ConnectionPolicies, networks_are_taken_together) {
  ListsApi api;
  for (const char* networks : {"0.0.0.0/1, 128.0.0.0/1", "[::]/1, [8000::]/1",
                               "0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/2, 192.0.0.0/2"}) {
    const Answer answer =
        api.put(std::string(R"({"parameters":{"mynetworks":")") + networks + "\"}}");
    EXPECT_EQ(answer.status, 409) << networks;
    EXPECT_EQ(answer.code(), "open_relay");
    EXPECT_THAT(boost::json::serialize(answer.json.at("witness")), HasSubstr("MAIL FROM:<"));
  }
  EXPECT_EQ(api.put(R"({"parameters":{"mynetworks":"10.0.0.0/8, 203.0.0.0/12"}})").status, 200);
}

TEST(ConnectionPolicies, who_may_not_save_may_not_lint) {
  ListsApi api;
  const Answer made =
      api.api.post("/api/v1/api-tokens", R"({"name":"t","scopes":["read"]})", api.token);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string reader = made.text("/token");
  EXPECT_EQ(api.api.get(lists_path, reader).status, 200);
  const std::string body = R"({"lists":{"sender":"check_sender_access texthash:/etc/passwd"}})";
  EXPECT_EQ(api.api.post(std::string(lists_path) + "/lint", body, reader).status, 403);
}

/// All settings of a request that can name a file.
class NamedFiles : public ::testing::Test {
 protected:
  NamedFiles() {
    api.lists->let_read({.folders = {{folder.file("tables")}},
                         .folders_key = "api.table_folders",
                         .closed = {folder.file("data")},
                         .largest = 1 << 20,
                         .services = {{"inet:127.0.0.1:10023", "unix:/run/map"}},
                         .services_key = "api.table_services"});
    folder.write("tables/access", "friend@example.com REJECT\n");
  }
  Answer lint(const std::string& parameter, const std::string& value) {
    const boost::json::object body{{"parameters", {{parameter, value}}}};
    return api.api.post(std::string(lists_path) + "/lint", boost::json::serialize(body), api.token);
  }
  /// A section with a table in each of those places.
  std::vector<Answer> lint_all(const std::string& spec) {
    std::vector<Answer> answers;
    for (const char* keyword : {"check_client_access", "check_helo_access", "check_sender_access",
                                "check_recipient_access"}) {
      const boost::json::object body{
          {"lists",
           {{"relay", std::string(keyword) + " " + spec + ", reject_unauth_destination"}}}};
      answers.push_back(
          api.api.post(std::string(lists_path) + "/lint", boost::json::serialize(body), api.token));
    }
    const boost::json::object of_class{
        {"lists", {{"recipient", "inner"}}},
        {"parameters",
         {{"smtpd_restriction_classes", "inner"}, {"inner", "check_sender_access " + spec}}}};
    answers.push_back(api.api.post(std::string(lists_path) + "/lint",
                                   boost::json::serialize(of_class), api.token));
    for (const char* parameter : {"mynetworks", "relay_domains", "mydestination",
                                  "virtual_alias_maps", "local_recipient_maps", "rbl_reply_maps"}) {
      answers.push_back(lint(parameter, spec));
    }
    return answers;
  }

  tests::TemporaryFolder folder;
  ListsApi api;
};

TEST_F(NamedFiles, servers_are_those_that_the_configuration_lists) {
  const auto judge = [&](const std::string& rule) {
    const boost::json::object body{
        {"lists", {{"recipient", "reject_unauth_destination, " + rule}}}};
    return api.api.post(std::string(lists_path) + "/lint", boost::json::serialize(body), api.token);
  };
  const std::string access = "check_recipient_access ";
  for (const std::string& rule :
       {std::string("check_policy_service inet:127.0.0.1:10023"),
        std::string("check_policy_service unix:/run/map"), access + "tcp:127.0.0.1:10023",
        access + "socketmap:inet:127.0.0.1:10023:m", access + "socketmap:unix:/run/map:m"}) {
    EXPECT_TRUE(judge(rule).json.at("ok").as_bool()) << judge(rule).body;
  }
  for (const std::string server :
       {"unix:/run/other", "unix:/run/map/../other", "unix:private/policy", "inet:127.0.0.1:8025",
        "inet:localhost:10023", "inet:[::1]:10023", "inet:169.254.169.254:80", "inet:10.0.0.1:25",
        "inet:mail.example.net:25"}) {
    EXPECT_FALSE(judge("check_policy_service " + server).json.at("ok").as_bool()) << server;
    for (const Answer& answer : lint_all("socketmap:" + server + ":m")) {
      EXPECT_FALSE(answer.json.at("ok").as_bool()) << server;
    }
    EXPECT_FALSE(
        lint_all("pipemap:{static:x,proxy:socketmap:" + server + ":m}")[0].json.at("ok").as_bool())
        << server;
    if (server.starts_with("inet:")) {
      EXPECT_FALSE(lint_all("tcp:" + server.substr(5))[0].json.at("ok").as_bool()) << server;
    }
  }
  EXPECT_THAT(judge("check_policy_service inet:127.0.0.1:8025").body,
              HasSubstr("api.table_services"));
}

TEST_F(NamedFiles, lie_in_a_folder_that_the_configuration_lists) {
  EXPECT_TRUE(lint_all("texthash:" + folder.file("tables/access"))[2].json.at("ok").as_bool());
  folder.write("data/postern.db", "MARKER REJECT\n");
  folder.write("elsewhere", "MARKER\n");
  std::filesystem::create_hard_link(folder.file("data/postern.db"), folder.file("tables/hard"));
  std::filesystem::create_symlink(folder.file("elsewhere"), folder.file("tables/soft"));
  for (const std::string& file :
       {folder.file("elsewhere"), folder.file("data/postern.db"), folder.file("tables/hard"),
        folder.file("tables/soft"), folder.file("tables/../elsewhere"), std::string("/etc/shadow"),
        std::string("/dev/zero"), std::string("/proc/self/environ")}) {
    for (const char* type : {"texthash:", "hash:", "cidr:", "regexp:", "pcre:", "sqlite:", "pgsql:",
                             "ldap:", "proxy:lmdb:", ""}) {
      for (const Answer& answer : lint_all(type + file)) {
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_THAT(answer.body, Not(HasSubstr("MARKER"))) << type << file;
        EXPECT_FALSE(answer.json.at("ok").as_bool()) << type << file << answer.body;
      }
    }
    for (const char* type : {"pipemap", "unionmap"}) {
      const std::string spec = std::string(type) + ":{texthash:" + file + ",static:x}";
      EXPECT_FALSE(lint_all(spec)[0].json.at("ok").as_bool()) << spec;
    }
  }
}

TEST_F(NamedFiles, are_none_where_no_folder_is_listed) {
  ListsApi plain;
  const Answer answer = plain.put(R"({"lists":{"sender":"check_sender_access texthash:)" +
                                  folder.file("tables/access") + "\"}}");
  EXPECT_EQ(answer.status, 422);
  EXPECT_THAT(answer.body, HasSubstr("api.table_folders"));
}

TEST_F(NamedFiles, are_never_quoted) {
  const std::string texts[] = {"MARKER\n",
                               "key MARKER\n",
                               "MARKER MARKER\n",
                               "MARKER OK\n",
                               "MARKER.example OK\nMARKER@example.com OK\n",
                               "/MARKER(/ OK\n",
                               "/MARKER/ OK\n",
                               "192.0.2.0/24 MARKER\n",
                               "198.51.100.0/24x MARKER\n",
                               "MARKER = MARKER\n",
                               "dbpath = /MARKER\nquery = MARKER\n",
                               "dbpath = x\nquery = SELECT 1\ndomain = nis:MARKER\n",
                               "hosts = MARKER://MARKER\ndbname = MARKER\nquery = '%s' MARKER '\n",
                               "search_base = MARKER%q\nserver_host = MARKER://\n"};
  for (const std::string& text : texts) {
    const std::string file = folder.write("tables/secret", text);
    for (const char* type : {"texthash:", "cidr:", "regexp:", "pcre:", "sqlite:", "pgsql:", "ldap:",
                             "unionmap:{texthash:", ""}) {
      const std::string spec = type + file + (std::string(type).ends_with("{texthash:") ? "}" : "");
      for (const Answer& answer : lint_all(spec)) {
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_THAT(lower(answer.body), Not(HasSubstr("marker"))) << spec << "\n" << text;
      }
    }
  }
}

TEST_F(NamedFiles, do_not_lead_to_the_gateways_databases) {
  folder.write("data/postern.db", "SQLite format 3");
  folder.write("tables/planted",
               "dbpath = " + folder.file("data/postern.db") + "\nquery = SELECT 1\n");
  std::filesystem::create_symlink(folder.file("data/postern.db"), folder.file("tables/link.db"));
  folder.write("tables/linked",
               "dbpath = " + folder.file("tables/link.db") + "\nquery = SELECT 1\n");
  for (const char* name : {"tables/planted", "tables/linked"}) {
    const Answer answer =
        api.put(R"({"lists":{"sender":"check_sender_access sqlite:)" + folder.file(name) + "\"}}");
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("the database of `dbpath`"));
  }
  EXPECT_TRUE(api.applied.empty());
}

TEST(ConnectionPolicies, refuse_what_is_no_list_and_no_parameter) {
  ListsApi api;
  const std::pair<const char*, const char*> cases[] = {
      {R"({"lists":{"senders":"permit"}})", "lists.senders"},
      {R"({"lists":{"sender":["permit"]}})", "lists.sender"},
      {R"({"lists":"permit"})", "lists"},
      {R"({"parameters":{"smtpd_sender_restrictions":"permit"}})",
       "parameters.smtpd_sender_restrictions"},
      {R"({"parameters":{"my_networks":"10.0.0.0/8"}})", "parameters.my_networks"},
      {R"({"lists":{"sender":"permit","sender_restrictions":"permit"}})",
       "lists.sender_restrictions"},
      {R"({"mode":"off"})", "mode"},
      {R"({"sender":"permit"})", "sender"},
      {R"({"note":"a\nb"})", "note"},
  };
  for (const auto& [body, field] : cases) {
    const Answer answer = api.put(body);
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_TRUE(answer.has_field(field)) << body << ' ' << answer.body;
  }
  EXPECT_TRUE(api.applied.empty());
}

TEST(ConnectionPolicies, an_edit_of_another_revision_is_412) {
  ListsApi api;
  EXPECT_EQ(api.put(R"({"lists":{"client":"permit"}})", {{"if-match", "\"0\""}}).status, 200);
  EXPECT_EQ(api.put(R"({"lists":{"client":"reject"}})", {{"if-match", "\"0\""}}).status, 412);
  EXPECT_EQ(api.put(R"({"lists":{"client":"reject"}})", {{"if-match", "\"1\""}}).status, 200);
}

TEST(ConnectionPolicies, a_draft_is_linted_and_not_kept) {
  ListsApi api;
  const Answer answer =
      api.api.post(std::string(lists_path) + "/lint", R"({"lists":{"relay":"permit"}})", api.token);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("ok").as_bool(), false);
  EXPECT_EQ(answer.text("/open_relay"), "yes");
  EXPECT_FALSE(answer.json.at("witness").as_array().empty());
  EXPECT_TRUE(api.applied.empty());
}

TEST(ConnectionPolicies, an_empty_put_a_delete_and_a_rollback_lead_back_to_no_lists) {
  ListsApi api;
  const auto nothing_runs = [&] {
    const Answer now = api.api.get(lists_path, api.token);
    return now.json.at("enabled") == false && now.json.at("lint").is_null();
  };
  ASSERT_EQ(api.put(R"({"lists":{"client":"permit"}})").status, 200);
  const Answer emptied = api.put(R"({"lists":{}})");
  EXPECT_EQ(emptied.status, 200) << emptied.body;
  EXPECT_EQ(emptied.json.at("revision").as_int64(), 2);
  EXPECT_TRUE(nothing_runs());
  ASSERT_EQ(api.put(R"({"lists":{"client":"permit"}})").status, 200);
  EXPECT_EQ(api.api.call({"DELETE", lists_path, "", api.token, {{"if-match", "\"2\""}}}).status,
            412);
  const Answer removed =
      api.api.call({"DELETE", lists_path, "", api.token, {{"if-match", "\"3\""}}});
  EXPECT_EQ(removed.status, 200) << removed.body;
  EXPECT_TRUE(nothing_runs());
  const Answer log = api.api.get("/api/v1/accounts/me/audit-log", api.token);
  EXPECT_EQ(log.text("/data/0/action"), "connection_policies.removed");
  ASSERT_EQ(api.put(R"({"lists":{"client":"permit"}})").status, 200);
  const Answer back =
      api.api.post(std::string(lists_path) + "/rollback", R"({"revision":2})", api.token);
  EXPECT_EQ(back.status, 200) << back.body;
  EXPECT_TRUE(nothing_runs());
  EXPECT_EQ(api.applied, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ConnectionPolicies, history_can_be_gone_back_to) {
  ListsApi api;
  api.put(R"({"lists":{"client":"permit"},"note":"one"})");
  api.put(R"({"lists":{"client":"reject"},"note":"two"})");
  const Answer list = api.api.get(std::string(lists_path) + "/revisions", api.token);
  EXPECT_EQ(list.json.at("total").as_int64(), 2);
  EXPECT_EQ(list.text("/data/0/note"), "two");
  const Answer one = api.api.get(std::string(lists_path) + "/revisions/1", api.token);
  EXPECT_EQ(one.text("/lists/client"), "permit");
  EXPECT_EQ(one.text("/lint/open_relay"), "no");
  EXPECT_EQ(api.api.get(std::string(lists_path) + "/revisions/3", api.token).status, 404);
  const Answer back =
      api.api.post(std::string(lists_path) + "/rollback", R"({"revision":1})", api.token);
  EXPECT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(back.json.at("revision").as_int64(), 3);
  EXPECT_EQ(back.text("/source"), "rollback");
  EXPECT_EQ(back.text("/lists/client"), "permit");
  EXPECT_EQ(api.applied, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(
      api.api.post(std::string(lists_path) + "/rollback", R"({"revision":9})", api.token).status,
      404);
  EXPECT_EQ(api.api.post(std::string(lists_path) + "/rollback", "{}", api.token).status, 400);
  const Answer log = api.api.get("/api/v1/accounts/me/audit-log", api.token);
  EXPECT_EQ(log.text("/data/0/action"), "connection_policies.rolled_back");
}

TEST(ConnectionPolicies, a_known_open_relay_of_the_file_cannot_be_gone_back_to) {
  ListsApi api;
  restrictions::Section open = section({{"smtpd_relay_restrictions", "permit"}});
  open.open_relay_is_known = true;
  ASSERT_TRUE(api.follow(open));
  api.put(R"({"lists":{"client":"permit"}})");
  EXPECT_EQ(
      api.api.post(std::string(lists_path) + "/rollback", R"({"revision":1})", api.token).status,
      409);
}

TEST(ConnectionPolicies, whoever_changed_them_last_wins) {
  ListsApi api;
  ASSERT_TRUE(api.follow(section({{"smtpd_client_restrictions", "permit"}})));
  EXPECT_EQ(api.lists->current()->row.source, store::ListRevisionRow::Source::file);
  api.put(R"({"lists":{"client":"reject"}})");
  // With an unchanged file, the lists set through the API stay in force.
  ASSERT_TRUE(api.follow(section({{"smtpd_client_restrictions", "permit"}})));
  EXPECT_EQ(api.lists->current()->row.revision, 2u);
  EXPECT_EQ(api.lists->current()->section->parameters.at("smtpd_client_restrictions"), "reject");
  // Unless those of the file are asked for.
  const auto file = section({{"smtpd_client_restrictions", "permit"}});
  ASSERT_TRUE(api.follow(file, ListsOver::nothing));
  EXPECT_EQ(api.lists->current()->row.revision, 3u);
  EXPECT_EQ(api.lists->current()->row.source, store::ListRevisionRow::Source::file);
  EXPECT_EQ(api.lists->current()->section->parameters.at("smtpd_client_restrictions"), "permit");
  ASSERT_TRUE(api.follow(file));
  EXPECT_EQ(api.lists->current()->row.revision, 3u) << "it is no other revision";
  api.put(R"({"lists":{"client":"reject"}})");
  // A changed file replaces them, and so does one without the section.
  ASSERT_TRUE(api.follow(section({{"smtpd_client_restrictions", "permit, reject"}})));
  EXPECT_EQ(api.lists->current()->row.revision, 5u);
  ASSERT_TRUE(api.follow(std::nullopt));
  EXPECT_EQ(api.lists->current()->row.revision, 6u);
  EXPECT_FALSE(api.lists->current()->section);
  EXPECT_EQ(api.api.get(lists_path, api.token).json.at("enabled").as_bool(), false);
  // A revision without lists can also be restored.
  api.put(R"({"lists":{"client":"reject"}})");
  EXPECT_EQ(
      api.api.post(std::string(lists_path) + "/rollback", R"({"revision":6})", api.token).status,
      200);
  EXPECT_EQ(api.lists->current()->row.revision, 8u);
  EXPECT_FALSE(api.lists->current()->section);
}

// Gateways that share their revisions have a file each: only a changed one replaces anything.
TEST(ConnectionPolicies, of_one_gateways_file_stay_when_another_one_starts_again) {
  ListsApi api;
  const tests::TemporaryFolder folder;
  const auto start = [&](const std::string& name, const std::string& rules) {
    auto lists = std::make_unique<RunningLists>(*api.api.store, "mx.example.net");
    lists->share({.memory = folder.file(name), .gateway = name});
    const auto now = section({{"smtpd_client_restrictions", rules}});
    const auto judged = std::make_shared<const restrictions::Judged>(
        restrictions::judge(now, "mx.example.net", restrictions::file_sources()));
    EXPECT_TRUE(lists->follow_file(now, judged));
    const store::ListRevisionRow& row = lists->current()->row;
    return std::to_string(row.revision) + " " + row.note;
  };
  EXPECT_EQ(start("mx1", "permit"), "1 the configuration file of mx1");
  EXPECT_EQ(start("mx2", "permit"), "1 the configuration file of mx1");
  EXPECT_EQ(start("mx1", "reject"), "2 the configuration file of mx1");
  EXPECT_EQ(start("mx2", "permit"), "2 the configuration file of mx1") << "its file is unchanged";
  EXPECT_EQ(start("mx3", "permit"), "2 the configuration file of mx1") << "it joins";
  EXPECT_EQ(start("mx2", "reject"), "2 the configuration file of mx1") << "it says the same now";
  EXPECT_EQ(start("mx2", "permit, reject"), "3 the configuration file of mx2");
  EXPECT_EQ(start("mx1", "reject"), "3 the configuration file of mx2");
  EXPECT_EQ(start("mx3", "reject"), "4 the configuration file of mx3");
}

TEST(ConnectionPolicies, that_can_no_longer_be_served_with_leave_what_runs) {
  ListsApi api;
  const tests::TemporaryFolder folder;
  const std::string table = folder.write("clients", "192.0.2.1 REJECT\n");
  api.lists->let_read({.folders = {{folder.path()}}});
  ASSERT_EQ(api.put(R"({"lists":{"client":"check_client_access cidr:)" + table + "\"}}").status,
            200);
  folder.write("clients", "192.0.2.1 REJECT\n192.0.2.2 OK\n");
  ASSERT_TRUE(api.follow(std::nullopt));  // read again
  std::filesystem::remove(table);
  const Result<void> followed = api.follow(std::nullopt);
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().fault, Fault::malformed);
  EXPECT_THAT(followed.error().message, HasSubstr("revision 1"));
  EXPECT_EQ(api.lists->current()->row.revision, 1u);
}

TEST(ConnectionPolicies, that_are_refused_leave_what_may_be_read) {
  ListsApi api;
  const tests::TemporaryFolder folder;
  const std::string table = folder.write("clients", "192.0.2.1 REJECT\n");
  api.lists->let_read({.folders = {{folder.path()}}, .closed = {folder.file("data")}});
  const std::string body = R"({"lists":{"client":"check_client_access cidr:)" + table + "\"}}";
  ASSERT_EQ(api.put(body).status, 200);
  const FileRules narrow{.folders = {{folder.file("none")}}, .closed = {folder.file("next")}};
  EXPECT_FALSE(api.lists->follow_file(std::nullopt, nullptr, narrow));
  EXPECT_EQ(api.lists->file_rules().closed, std::vector<std::string>{folder.file("data")});
  EXPECT_EQ(api.put(body).status, 200) << "what ran may still be read";
  const FileRules wide{.folders = {{folder.path()}}, .closed = {folder.file("next")}};
  EXPECT_TRUE(api.lists->follow_file(std::nullopt, nullptr, wide));
  EXPECT_EQ(api.lists->file_rules().closed, std::vector<std::string>{folder.file("next")});
}

TEST(ConnectionPolicies, are_the_operators) {
  ListsApi api;
  const std::string stranger = api.api.account("b@example.com");
  for (const char* rest : {"", "/revisions", "/revisions/1"}) {
    const Answer answer = api.api.get(std::string(lists_path) + rest, stranger);
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.code(), "operators_only");
  }
  EXPECT_EQ(api.api.put(lists_path, R"({"lists":{}})", stranger).status, 403);
  EXPECT_EQ(api.api.get(lists_path).status, 401);
  // A later account does not become the first one when that is deleted.
  ASSERT_TRUE(api.api.store->delete_account(api.api.store->first_account().value(), nullptr));
  EXPECT_EQ(api.api.get(lists_path, stranger).status, 403);
}

TEST(ConnectionPolicies, operators_may_be_named) {
  ListsApi api;
  const std::string other = api.api.account("b@example.com");
  const std::string id = api.api.get("/api/v1/accounts/me", other).text("/id");
  api.api.options.operators = {id};
  api.api.api = std::move(AdminApi::open(*api.api.deps, api.api.options).value());
  EXPECT_EQ(api.api.get(lists_path, other).status, 200);
  EXPECT_EQ(api.api.get(lists_path, api.token).status, 403);
}

}  // namespace
}  // namespace postern::admin
