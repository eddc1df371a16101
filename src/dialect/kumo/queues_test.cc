#include "dialect/kumo/queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "dialect/kumo/tenant_lint.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<QueuesConfig> loaded_queues(
    std::initializer_list<std::pair<std::string, std::string>> files) {
  std::vector<DataFile> sources;
  for (const auto& [name, text] : files) {
    auto file = parse_data(name, text);
    if (!file) return tl::unexpected(file.error());
    sources.push_back(std::move(*file));
  }
  return load_queues(sources);
}

QueuesConfig config_of(const std::string& text) {
  auto config = loaded_queues({{"queue.toml", text}});
  if (config) return std::move(*config);
  ADD_FAILURE() << config.error().message;
  return {};
}

constexpr const char* seed = R"(
tenant_header = "X-Tenant"
remove_tenant_header = true
campaign_header = 'X-Campaign'
[tenant.'mytenant']
egress_pool = 'pool-1'
require_authz = ["scott"]
[tenant.open]
egress_pool = 'pool-2'
[tenant.nobody]
require_authz = []
)";

using Text = std::optional<std::string>;

TEST(Queues, who_may_send_as_a_tenant) {
  const QueuesConfig config = config_of(seed);
  const struct {
    Text tenant, authz;
    Text decided;
    std::string refusal;
  } cases[] = {
      {{}, {}, {}, ""},
      {{}, "scott", {}, ""},
      {"mytenant", "scott", "mytenant", ""},
      {"mytenant",
       "mallory",
       {},
       "authz_id 'mallory' is not authorized to send as tenant 'mytenant'"},
      {"mytenant", "Scott", {}, "authz_id 'Scott' is not authorized to send as tenant 'mytenant'"},
      {"mytenant", {}, {}, "tenant 'mytenant' requires SMTP AUTH"},
      {"mytenant", "", {}, "tenant 'mytenant' requires SMTP AUTH"},
      {"MyTenant",
       "scott",
       {},
       "tenant 'MyTenant' specified by 'X-Tenant' header is not defined in your queue config"},
      {"",
       "scott",
       {},
       "tenant '' specified by 'X-Tenant' header is not defined in your queue config"},
      {"mytenant ",
       "scott",
       {},
       "tenant 'mytenant ' specified by 'X-Tenant' header is not defined in your queue config"},
      {"open", {}, "open", ""},
      {"open", "mallory", "open", ""},
      {"nobody", "scott", {}, "authz_id 'scott' is not authorized to send as tenant 'nobody'"},
      {"nobody", {}, {}, "tenant 'nobody' requires SMTP AUTH"},
      {"a\r\n250 ok\x7f",
       {},
       {},
       "tenant 'a250 ok' specified by 'X-Tenant' header is not defined in your queue config"},
  };
  for (const auto& c : cases) {
    const TenantDecision decision =
        decide(config, {.tenant_header = c.tenant, .authz_id = c.authz});
    EXPECT_EQ(decision.tenant, c.decided) << c.tenant.value_or("none");
    EXPECT_EQ(decision.refusal, c.refusal);
    EXPECT_EQ(decision.reason, c.refusal);
    // The header is removed whatever the decision, but only if the message has it.
    if (c.tenant) {
      EXPECT_THAT(decision.remove_headers, ElementsAre("X-Tenant"));
    } else {
      EXPECT_THAT(decision.remove_headers, IsEmpty());
    }
  }
}

TEST(Queues, the_default_tenant_obeys_require_authz_and_the_header_wins) {
  const QueuesConfig config = config_of(
      "default_tenant = 'house'\ntenant_header = 'X-T'\n"
      "[tenant.house]\nrequire_authz = ['scott']\n[tenant.other]\n");
  EXPECT_EQ(decide(config, {}).refusal, "tenant 'house' requires SMTP AUTH");
  EXPECT_EQ(decide(config, {.authz_id = "amy"}).refusal,
            "authz_id 'amy' is not authorized to send as tenant 'house'");
  EXPECT_EQ(decide(config, {.authz_id = "scott"}).tenant, "house");
  EXPECT_EQ(decide(config, {.tenant_header = "other"}).tenant, "other");
  EXPECT_EQ(decide(config, {.tenant_header = "x"}).refusal,
            "tenant 'x' specified by 'X-T' header is not defined in your queue config");
  EXPECT_THAT(decide(config, {.tenant_header = "other"}).remove_headers, IsEmpty());
}

TEST(Queues, hidden_names_leave_one_text) {
  const QueuesConfig config = config_of(std::string("hide_tenant_names = true\n") + seed);
  for (const auto& [tenant, authz] : std::initializer_list<std::pair<std::string, Text>>{
           {"mytenant", "mallory"}, {"mytenant", {}}, {"nosuch", {}}, {"nobody", "scott"}}) {
    const TenantDecision decision = decide(config, {.tenant_header = tenant, .authz_id = authz});
    EXPECT_EQ(decision.refusal, "not authorized to send as this tenant");
    EXPECT_THAT(decision.reason, HasSubstr(tenant));
  }
  EXPECT_EQ(decide(config, {.tenant_header = "mytenant", .authz_id = "scott"}).refusal, "");
}

TEST(Queues, the_campaign_needs_no_tenant) {
  const QueuesConfig config =
      config_of("campaign_header = 'X-Campaign'\nremove_campaign_header = true\n");
  const TenantDecision decision =
      decide(config, {.tenant_header = "x", .campaign_header = "spring sale"});
  EXPECT_EQ(decision.campaign, "spring sale");
  EXPECT_EQ(decision.tenant, Text());
  EXPECT_THAT(decision.remove_headers, ElementsAre("X-Campaign"));
  EXPECT_EQ(decide(config, {}).campaign, Text());
}

constexpr const char* layered = R"(
tenant_header = 'T'
campaign_header = 'C'
[queue.default]
max_age = '24 hours'
egress_pool = 'd'
routing_domain = 'default.example'
[queue.'example.com']
max_age = '22 hours'
routing_domain = '[192.0.2.1]'
[queue.'*.example.net']
max_age = '3 hours'
[tenant.t]
max_age = '10 hours'
egress_pool = 'of-tenant'
[tenant.t.campaigns.c]
egress_pool = 'of-tenant-campaign'
overall_max_message_rate = '10/s'
[tenant.u]
[queue.'example.com'.t]
egress_pool = 'of-both'
retry_interval = 60
[queue.'example.com'.t.c]
max_age = '1 hour'
routing_domain = 'c.example'
)";

TEST(Queues, the_more_specific_option_counts) {
  const QueuesConfig config = config_of(layered);
  const struct {
    std::string_view domain, tenant, campaign, options;
  } cases[] = {
      {"other.example", "", "",
       R"({"max_age":"24 hours","egress_pool":"d","routing_domain":"default.example"})"},
      {"EXAMPLE.com", "", "",
       R"({"max_age":"22 hours","egress_pool":"d","routing_domain":"[192.0.2.1]"})"},
      {"a.b.example.net", "u", "x",
       R"({"max_age":"3 hours","egress_pool":"d","routing_domain":"default.example"})"},
      {"other.example", "t", "",
       R"({"max_age":"10 hours","egress_pool":"of-tenant","routing_domain":"default.example"})"},
      {"other.example", "t", "c",
       R"({"max_age":"10 hours","egress_pool":"of-tenant-campaign",
           "overall_max_message_rate":"10/s","routing_domain":"default.example"})"},
      {"example.com", "t", "",
       R"({"max_age":"10 hours","egress_pool":"of-both","retry_interval":60,
           "routing_domain":"[192.0.2.1]"})"},
      {"example.com", "t", "c",
       R"({"max_age":"1 hour","egress_pool":"of-both","retry_interval":60,
           "overall_max_message_rate":"10/s","routing_domain":"c.example"})"},
      {"example.com", "unknown", "c",
       R"({"max_age":"22 hours","egress_pool":"d","routing_domain":"[192.0.2.1]"})"},
  };
  for (const auto& c : cases) {
    const json::object all = resolve(config, c.domain, c.tenant, c.campaign);
    EXPECT_EQ(json::value(all), json::parse(c.options))
        << c.domain << ' ' << c.tenant << ' ' << c.campaign;
    for (const auto& [name, value] : all) {
      EXPECT_EQ(*resolve_option(config, name, c.domain, c.tenant, c.campaign), value) << name;
    }
    EXPECT_EQ(resolve_option(config, "strategy", c.domain, c.tenant, c.campaign), nullptr);
  }
  EXPECT_EQ(
      decide(config,
             {.tenant_header = "t", .campaign_header = "c", .recipient_domain = "example.com"})
          .routing_domain,
      "c.example");
  EXPECT_EQ(decide(config, {.recipient_domain = "x.example"}).routing_domain, "default.example");
  EXPECT_EQ(decide(config_of(seed), {.recipient_domain = "x.example"}).routing_domain, Text());
}

TEST(Queues, later_sources_replace_lists) {
  auto config = loaded_queues({{"a.toml",
                                "tenant_header = 'X-Tenant'\n[tenant.t]\n"
                                "require_authz = ['scott', 'amy']\negress_pool = 'a'\n"},
                               {"b.json", R"({"tenant": {"t": {"require_authz": ["mallory"]}}})"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(decide(*config, {.tenant_header = "t", .authz_id = "amy"}).refusal.empty());
  EXPECT_TRUE(decide(*config, {.tenant_header = "t", .authz_id = "mallory"}).refusal.empty());
  EXPECT_EQ(*resolve_option(*config, "egress_pool", "", "t", ""), "a");
  EXPECT_EQ(config->tenants.find("t")->second.require_authz_place, "b.json:1");
}

TEST(Queues, a_table_of_the_script_is_a_source) {
  const auto config = load_queues(
      {{.name = "policy.lua:2",
        .value = json::parse(R"({"tenant_header":"X-T","tenant":{"t1":{"require_authz":["scott"]},
                                 "t2": {}}, "queue": {}})")}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(decide(*config, {.tenant_header = "t1", .authz_id = "scott"}).tenant, "t1");
  const auto wrong =
      load_queues({{.name = "policy.lua:2", .value = json::parse(R"({"tenant":{"t1":{"x":1}}})")}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "policy.lua:2: `tenant.t1.x` is not a known key");
  EXPECT_TRUE(load_queues({{.name = "policy.lua:2", .value = json::object()}}));
}

TEST(Queues, every_mistake_is_reported_with_its_place) {
  const struct {
    std::string_view text, message;
  } cases[] = {
      {"tenant_header = 'X-Tenant'\n[tenant.'mytenant']\nrequire_auhtz = ['scott']\n",
       "queue.toml:3: `tenant.mytenant.require_auhtz` is not a known key; did you mean "
       "`require_authz`?"},
      {"[tenant.'mytenant']\nrequire_authz = 'scott'\n",
       "queue.toml:2: `tenant.mytenant.require_authz` must be a list of texts, this is text"},
      {"[tenant.a]\nrequire_authz = ['scott', 1]\n",
       "queue.toml:2: `tenant.a.require_authz.1` must be text, this is a number"},
      {"[tenant.a]\nrequire_authz = ['']\n",
       "queue.toml:2: `tenant.a.require_authz.0` must not be empty"},
      {"default_tenant = 'hose'\n[tenant.house]\n",
       "queue.toml:1: `default_tenant` names the tenant `hose`, which is not defined; did you mean "
       "`house`?"},
      {"default_tenant = 'a'\n",
       "queue.toml:1: `default_tenant` names the tenant `a`, which is not defined"},
      {"tenent_header = 'X'\n",
       "queue.toml:1: `tenent_header` is not a known key; did you mean `tenant_header`?"},
      {"tenant_header = ''\n", "queue.toml:1: `tenant_header` must not be empty"},
      {"tenant_header = 'X Tenant'\n",
       "queue.toml:1: `tenant_header` must be the name of a header field, such as 'X-Tenant'"},
      {"tenant_header = 'X-Tenant:'\n",
       "queue.toml:1: `tenant_header` must be the name of a header field, such as 'X-Tenant'"},
      {"remove_tenant_header = 'yes'\n",
       "queue.toml:1: `remove_tenant_header` must be true or false, this is text"},
      {"tenant = ['a']\n", "queue.toml:1: `tenant` must be a table, this is a list"},
      {"[tenant.'']\n", "queue.toml:1: `tenant.` has an empty name"},
      {"[queue.'']\n", "queue.toml:1: `queue.` has an empty name"},
      {"[tenant.a]\nmax_age = '10 parsecs'\n",
       "queue.toml:2: `tenant.a.max_age` must be a duration: `10 parsecs` is no duration "
       "like '5 minutes': the unit is not known"},
      {"[tenant.a]\nmax_age = true\n",
       "queue.toml:2: `tenant.a.max_age` must be a duration: a duration is a number of "
       "seconds or a text like '5 minutes'"},
      {"[queue.'example.com']\nmax_message_rate = '10/fortnight'\n",
       "queue.toml:2: `queue.example.com.max_message_rate` must be a rate like '100/s'"},
      {"[queue.'example.com'.t]\negress_pol = 'p'\n",
       "queue.toml:2: `queue.example.com.t.egress_pol` is not a known key; did you mean "
       "`egress_pool`?"},
      {"[queue.'example.com']\negress_pol = 'p'\n",
       "queue.toml:2: `queue.example.com.egress_pol` is not a known key; did you mean "
       "`egress_pool`?"},
      {"[queue.'example.com'.t.c]\nx = 1\n",
       "queue.toml:2: `queue.example.com.t.c.x` is not a known key"},
      {"[queue.'example.com'.t.c.d]\n",
       "queue.toml:1: `queue.example.com.t.c.d` is not a known key"},
      {"[queue.default.t]\n", "queue.toml:1: `queue.default.t` is not a known key"},
      {"[queue.'a.*.example']\n",
       "queue.toml:1: `queue.a.*.example` is no domain; write a name, `*.` and a name, or "
       "`*`: domain holds an octet that no label has"},
      {"[queue.'*example']\n",
       "queue.toml:1: `queue.*example` is no domain; write a name, `*.` and a name, or `*`: "
       "domain holds an octet that no label has"},
      {"[queue.default]\nprotocol = 'smtp'\n",
       "queue.toml:2: `queue.default.protocol` must be a table"},
      {"[tenant.a.campaigns.c]\nrequire_authz = []\n",
       "queue.toml:2: `tenant.a.campaigns.c.require_authz` is not a known key"},
      {"tenant = []\n", "queue.toml:1: `tenant` must be a table, this is a list"},
      {"queue = []\n", "queue.toml:1: `queue` must be a table, this is a list"},
      {"[tenant]\na = []\n", "queue.toml:2: `tenant.a` must be a table, this is a list"},
      {"[tenant.a]\ncampaigns = []\n",
       "queue.toml:2: `tenant.a.campaigns` must be a table, this is a list"},
      {"[queue]\ndefault = []\n", "queue.toml:2: `queue.default` must be a table, this is a list"},
      {"[queue.'example.com']\nt = []\n", "queue.toml:2: `queue.example.com.t` is not a known key"},
      {"[queue.default]\nprotocol = []\n",
       "queue.toml:2: `queue.default.protocol` must be a table"},
      {"x1 = 1\ny2 = 2\n",
       "queue.toml:1: `x1` is not a known key\nqueue.toml:2: `y2` is not a known key"},
  };
  for (const auto& c : cases) {
    const auto config = loaded_queues({{"queue.toml", std::string(c.text)}});
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().fault, Fault::malformed);
    EXPECT_EQ(config.error().message, c.message);
  }
}

TEST(Queues, every_option_of_a_queue_is_kept) {
  const QueuesConfig config = config_of(R"([queue."*"]
egress_pool = 'p'
max_age = 600
max_message_rate = 'local:1,000/hr'
max_retry_interval = '20 minutes'
overall_max_message_rate = '100/s,max_burst=1'
protocol = { smtp = { mx_list = ['[192.0.2.1]'] } }
provider_name = 'x'
reap_interval = '10 minutes'
refresh_interval = '1 minute'
refresh_strategy = 'Ttl'
retry_interval = '17 mins'
routing_domain = 'relay.example'
shrink_policy = [ { interval = '60 s', policy = 'NoShrink' } ]
strategy = 'SkipList'
timerwheel_tick_interval = '50ms'
)");
  EXPECT_EQ(resolve(config, "example.com", "", "").size(), 15u);
}

std::vector<std::string> findings(const std::string& text) {
  std::vector<std::string> out;
  for (const TenantFinding& one : lint_tenants(config_of(text))) {
    out.push_back((one.severity == TenantFinding::Severity::warning ? "warning " : "note ") +
                  one.place + ": " + one.text);
  }
  return out;
}

TEST(TenantLint, says_which_tenants_are_open_and_whose_the_others_are) {
  EXPECT_THAT(findings("[tenant.a]\n"), IsEmpty()) << "nobody can name it";
  EXPECT_THAT(findings("tenant_header = 'X-Tenant'\n"
                       "default_tenant = 'open'\n"
                       "scheduling_header = 'X-Schedule'\n"
                       "[tenant.shut]\n"
                       "require_authz = []\n"
                       "[tenant.open]\n"
                       "max_age = 1\n"
                       "[tenant.ours]\n"
                       "require_authz = ['scott', 'amy']\n"
                       "[queue.'example.com'.uors]\n"),
              ElementsAre("warning queue.toml:6: tenant `open` has no require_authz: every sender "
                          "may claim it with the header `X-Tenant`",
                          "note queue.toml:2: default_tenant `open` has no require_authz: mail "
                          "without a login is sent as this tenant, that of relay_hosts "
                          "included",
                          "note queue.toml:9: tenant `ours` is for `amy`, `scott`",
                          "warning queue.toml:5: tenant `shut`: an empty require_authz allows no "
                          "sender",
                          "warning queue.toml:10: tenant `uors` is not defined: without a [tenant] "
                          "section these options apply to no message",
                          "warning queue.toml:3: scheduling_header has no effect: messages are "
                          "delivered at once"));
  EXPECT_THAT(findings("[tenant.t]\nrequire_authz = "
                       "['a','b','c','d','e','f','g','h','i','j','k','l']"),
              ElementsAre(HasSubstr("`j` and 2 others")));
}

}  // namespace
}  // namespace postern::dialect::kumo
