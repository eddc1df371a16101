// The queue through the API, on a real spool.
#include "serve/queue_port.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/queue.h"
#include "admin/test_api.h"
#include "spool/spool_fixture.h"
#include "store/delivery_log.h"

namespace postern::app {
namespace {

using admin::Answer;
using admin::TestApi;
using ::testing::ElementsAre;
using namespace postern::spool;

class QueueApiTest : public SpoolTest {
 protected:
  QueueApiTest() {
    open();
    hooks_.acted = [this](Action action, Sequence message) {
      acted_.emplace_back(action, message);
    };
    hooks_.sleeping = [this](const std::vector<Destination>& all) -> Result<QueueHooks::Sleeping> {
      ++questions_;
      if (busy_) return fail(Fault::temporary, "the event loop is too busy to answer");
      QueueHooks::Sleeping until;
      for (const Destination& one : all) {
        until.push_back(one == asleep_ ? std::optional(at(500)) : std::nullopt);
      }
      return until;
    };
    port_ = std::make_unique<SpoolQueuePort>(*spool_, pool_, hooks_);
    api_ = std::make_unique<TestApi>(
        [this](admin::Options& options, admin::Dependencies& dependencies) {
          dependencies.queue = port_.get();
          options.control_token = Secret("control-token-of-this-start");
        });
    token_ = api_->account();
  }
  ~QueueApiTest() override {
    api_.reset();
    port_.reset();
  }

  MessageId add(const std::string& sender, std::vector<Recipient> to, Time received = at(0)) {
    Envelope made{.received = received,
                  .reverse_path = sender,
                  .trace_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                  .evidence = R"({"spf":"pass"})"};
    made.recipients = std::move(to);
    const auto id = put(std::move(made), "Subject: x\r\n\r\nbody\r\n");
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  MessageId one(const std::string& sender = "a@example.org", State state = State::queued) {
    return add(sender, {{"x@example.net", relay_, state}});
  }
  void kill(const MessageId& id) {
    const Time now = std::chrono::system_clock::now();
    const auto claims = claim({{id, 0}}, now, now + std::chrono::seconds(60));
    ASSERT_TRUE(claims && claims->size() == 1);
    ASSERT_TRUE(settle({{.key = {id, 0},
                         .attempt = 1,
                         .outcome = AttemptOutcome::dead,
                         .reply = "550 5.1.1 no"}}));
  }
  State state(const MessageId& id) { return (*spool_->get(id))->envelope.recipients[0].state; }
  bool gone(const MessageId& id) { return !*spool_->get(id); }
  std::vector<std::string> ids(const std::string& query) {
    const Answer answer = api_->get("/api/v1/queue" + query, token_);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> out;
    for (const auto& each : answer.json.at("data").as_array()) {
      out.emplace_back(each.at("id").as_string());
    }
    return out;
  }
  Answer act(const MessageId& id, const std::string& action, const std::string& body = "") {
    return api_->post("/api/v1/queue/" + id + "/" + action, body, token_);
  }
  Answer all(const std::string& body) { return api_->post("/api/v1/queue/actions", body, token_); }
  std::string text_of(const MessageId& id) {
    Answer answer = api_->get("/api/v1/queue/" + id + "/message", token_);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.raw.content_type, "message/rfc822");
    EXPECT_EQ(answer.raw.stream->size, answer.body.size());
    return answer.body;
  }

  const Destination relay_{RouteKind::relay, "example.net"};
  std::optional<Destination> asleep_;
  bool busy_ = false;
  int questions_ = 0;
  QueueHooks hooks_;
  std::vector<std::pair<Action, Sequence>> acted_;
  net::WorkPool pool_{2, 100};
  std::unique_ptr<SpoolQueuePort> port_;
  std::unique_ptr<TestApi> api_;
  std::string token_;
};

TEST_F(QueueApiTest, is_for_operators_and_for_the_control_token) {
  const MessageId id = one();
  const std::string stranger = api_->account("b@example.com");
  const std::string control = "control-token-of-this-start";
  for (const std::string path : {"/api/v1/queue", "/api/v1/queue/destinations"}) {
    EXPECT_EQ(api_->get(path).status, 401);
    EXPECT_EQ(api_->get(path, stranger).status, 403);
    EXPECT_EQ(api_->get(path, token_).status, 200);
    EXPECT_EQ(api_->get(path, control).status, 200);
    EXPECT_EQ(api_->get(path, control + "x").status, 401);
  }
  EXPECT_EQ(api_->post("/api/v1/queue/" + id + "/drop", "", stranger).status, 403);
  // The token permits queue operations only.
  for (const std::string path : {"/api/v1/webhooks", "/api/v1/replay", "/api/v1/accounts/me",
                                 "/api/v1/connection-policies"}) {
    EXPECT_EQ(api_->get(path, control).status, 401) << path;
  }
}

TEST_F(QueueApiTest, the_queue_of_a_domain_is_made_due) {
  const auto to = [&](const std::string& address, State state = State::queued) {
    return add("a@example.org", {{address, relay_, state}});
  };
  const MessageId meant = to("x@Example.net");
  to("x@other.example");
  to("x@sub.example.net");
  const MessageId held = to("x@example.net", State::held);
  const auto count = retry_domain(*spool_, hooks_, relay_, "EXAMPLE.net", 1000);
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 1u);
  EXPECT_EQ(acted_, (std::vector{std::pair(Action::retry, (*spool_->get(meant))->sequence)}));
  EXPECT_EQ(state(held), State::held);
  hooks_.stopping = [] { return true; };
  EXPECT_EQ(retry_domain(*spool_, hooks_, relay_, "example.net", 1000).value_or(9), 0u);
}

TEST_F(QueueApiTest, an_empty_control_token_opens_nothing) {
  TestApi other([this](admin::Options&, admin::Dependencies& dependencies) {
    dependencies.queue = port_.get();
  });
  EXPECT_EQ(other.call({"GET", "/api/v1/queue", "", "", {{"authorization", "Bearer "}}}).status,
            401);
}

TEST_F(QueueApiTest, lists_newest_first_and_goes_on_at_next) {
  std::vector<std::string> all;
  for (int i = 0; i < 5; ++i) all.push_back(one());
  std::sort(all.rbegin(), all.rend());
  EXPECT_EQ(ids(""), all);
  const Answer first = api_->get("/api/v1/queue?page_size=3", token_);
  EXPECT_EQ(first.text("/next"), all[2]);
  EXPECT_EQ(first.text("/data/0/recipients/0/address"), "x@example.net");
  EXPECT_EQ(first.text("/data/0/recipients/0/state"), "queued");
  EXPECT_EQ(first.text("/data/0/recipients/0/destination"), "relay:example.net");
  const Answer rest = api_->get("/api/v1/queue?page_size=3&before=" + all[2], token_);
  EXPECT_EQ(rest.json.at("data").as_array().size(), 2u);
  EXPECT_TRUE(rest.json.at("next").is_null());
  for (const std::string bad : {"?state=x", "?state=delivered", "?destination=x", "?older_than=x",
                                "?before=x", "?page_size=0", "?page_size=201"}) {
    EXPECT_EQ(api_->get("/api/v1/queue" + bad, token_).status, 422) << bad;
  }
}

TEST_F(QueueApiTest, filters_by_what_stands_in_the_envelope) {
  const MessageId a = one("a@example.org");
  const MessageId null = one("");
  const MessageId held = one("b@example.org", State::held);
  EXPECT_THAT(ids("?state=held"), ElementsAre(held));
  EXPECT_THAT(ids("?sender=a@example.org"), ElementsAre(a));
  EXPECT_THAT(ids("?sender=%3C%3E"), ElementsAre(null));
  EXPECT_THAT(ids("?destination=relay:example.net&state=held"), ElementsAre(held));
  EXPECT_TRUE(ids("?destination=webhook:example.net").empty());
  EXPECT_EQ(ids("?recipient=x@example.net").size(), 3u);
  EXPECT_TRUE(ids("?older_than=1h").empty());
}

TEST_F(QueueApiTest, shows_a_message_and_its_octets) {
  const MessageId id = one();
  kill(id);
  const Answer shown = api_->get("/api/v1/queue/" + id, token_);
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.text("/sender"), "a@example.org");
  EXPECT_EQ(shown.text("/recipients/0/state"), "dead");
  EXPECT_EQ(shown.text("/recipients/0/last_reply"), "550 5.1.1 no");
  EXPECT_EQ(shown.json.at_pointer("/recipients/0/attempts").to_number<int>(), 1);
  EXPECT_EQ(shown.text("/evidence/spf"), "pass");
  EXPECT_EQ(shown.text("/trace_id"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  EXPECT_EQ(text_of(id), "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(api_->get("/api/v1/queue/01ARZ3NDEKTSV4RRFFQ69G5FAV", token_).status, 404);
  EXPECT_EQ(api_->get("/api/v1/queue/x/message", token_).status, 404);
}

TEST_F(QueueApiTest, a_large_message_comes_in_pieces_whole) {
  const std::string text(3 << 20, 'x');
  const auto id = put(envelope(), text);
  ASSERT_TRUE(id);
  EXPECT_EQ(text_of(*id), text);
}

TEST_F(QueueApiTest, a_damaged_text_is_not_given_out_and_can_only_be_dropped) {
  const MessageId id = one();
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->quarantine(id, "its checksum", done); }));
  EXPECT_EQ(api_->get("/api/v1/queue/" + id + "/message", token_).code(), "damaged");
  EXPECT_EQ(act(id, "release").status, 409);
  EXPECT_EQ(act(id, "retry").status, 409);
  EXPECT_EQ(state(id), State::quarantined);
  EXPECT_EQ(act(id, "drop").status, 204);
  EXPECT_TRUE(gone(id));
}

TEST_F(QueueApiTest, actions_change_the_message_and_tell_the_runner) {
  const MessageId id = one();
  const Sequence number = (*spool_->get(id))->sequence;
  EXPECT_EQ(act(id, "hold").status, 204);
  EXPECT_EQ(state(id), State::held);
  EXPECT_EQ(act(id, "release").status, 204);
  EXPECT_EQ(state(id), State::queued);
  kill(id);
  EXPECT_EQ(act(id, "retry").status, 204);
  EXPECT_EQ(state(id), State::queued);
  EXPECT_EQ(act(id, "drop").status, 204);
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(act(id, "drop").status, 404);
  EXPECT_THAT(acted_,
              ElementsAre(std::pair(Action::hold, number), std::pair(Action::release, number),
                          std::pair(Action::retry, number), std::pair(Action::drop, number)));
  EXPECT_EQ(act(id, "burn").status, 404);
  EXPECT_EQ(act(one(), "hold", R"({"notify":true})").status, 422);
  EXPECT_EQ(act(one(), "hold", R"({"other":true})").status, 422);
}

TEST_F(QueueApiTest, a_drop_tells_the_sender_first_or_does_nothing) {
  const MessageId id = one();
  EXPECT_EQ(act(id, "drop", R"({"notify":true})").code(), "no_reports");
  EXPECT_FALSE(gone(id));
  Result<queue::Told> reported = fail(Fault::temporary, "no room");
  std::string told;
  hooks_.report = [&](const Message& message) {
    told = message.envelope.reverse_path;
    return reported;
  };
  SpoolQueuePort port(*spool_, pool_, hooks_);
  EXPECT_FALSE(api_->run(port.act(Action::drop, id, admin::Notify::yes)));
  EXPECT_FALSE(gone(id)) << "no report, no drop";
  reported = queue::Told::stored;
  EXPECT_TRUE(api_->run(port.act(Action::drop, id, admin::Notify::yes)));
  EXPECT_EQ(told, "a@example.org");
  EXPECT_TRUE(gone(id));
}

// A runner that did not answer in time was counted as one that had stored the report.
TEST_F(QueueApiTest, what_no_report_is_stored_for_is_not_dropped_by_a_bulk_action_either) {
  std::vector<MessageId> all;
  for (int i = 0; i < 5; ++i) all.push_back(one());
  std::ranges::sort(all);  // ids of the same millisecond are unordered
  int reports = 0;
  hooks_.report = [&](const Message&) -> Result<queue::Told> {
    if (++reports > 2) return fail(Fault::temporary, "the event loop is too busy to answer");
    return queue::Told::stored;
  };
  const ListFilter filter{.state = State::queued};
  const auto drop = [&](const MessageId& before) {
    return act_on_some(*spool_, hooks_, Action::drop, filter, before, admin::Notify::yes, 100);
  };
  const auto first = drop("");
  ASSERT_TRUE(first) << "what was done is told first";
  EXPECT_EQ(first->changed, 2u);
  EXPECT_EQ(first->next, all[3]) << "newest first";
  EXPECT_EQ(acted_.size(), 2u);
  const auto rest = drop(first->next);
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().fault, Fault::temporary);
  EXPECT_EQ(reports, 4) << "one time-out ends it";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(gone(all[i]), i >= 3) << i;
}

// A message without a report ended a bulk drop, and the next call began with it again.
TEST_F(QueueApiTest, a_bulk_drop_goes_past_what_needs_or_can_have_no_report) {
  const MessageId sound = one();
  const MessageId null = one("");
  const MessageId damaged = one();
  const MessageId last = one();
  hooks_.report = [&](const Message& message) -> Result<queue::Told> {
    if (message.envelope.reverse_path.empty()) return queue::Told::not_due;
    if (message.id == damaged) return fail(Fault::conflict, "it is damaged");
    return queue::Told::stored;
  };
  const auto done = act_on_some(*spool_, hooks_, Action::drop, {.state = State::queued}, "",
                                admin::Notify::yes, 100);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->changed, 3u);
  EXPECT_EQ(done->skipped, 1u);
  EXPECT_TRUE(done->next.empty());
  for (const MessageId& id : {sound, null, last}) EXPECT_TRUE(gone(id));
  EXPECT_FALSE(gone(damaged));
  SpoolQueuePort port(*spool_, pool_, hooks_);
  const MessageId report = one("");
  EXPECT_FALSE(api_->run(port.act(Action::drop, report, admin::Notify::yes)));
  EXPECT_FALSE(gone(report)) << "of one the operator hears it";
}

TEST_F(QueueApiTest, a_bulk_action_ends_when_the_gateway_stops) {
  for (int i = 0; i < 5; ++i) one();
  int asked = 0;
  hooks_.stopping = [&] { return ++asked > 3; };
  const ListFilter filter{.state = State::queued};
  const auto found = act_on_some(*spool_, hooks_, Action::hold, filter, "", admin::Notify::no, 100);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->changed, 3u);
  EXPECT_FALSE(found->next.empty());
  port_->close();
  EXPECT_EQ(all(R"({"action":"hold","filter":{"state":"queued"}})").status, 503);
  EXPECT_EQ(api_->get("/api/v1/queue", token_).status, 503);
}

TEST_F(QueueApiTest, acts_on_all_that_a_filter_meets) {
  const MessageId kept = one("other@example.org");
  std::vector<MessageId> spam;
  for (int i = 0; i < 450; ++i) spam.push_back(one("spam@example.org"));
  const Answer held = all(R"({"action":"hold","filter":{"sender":"spam@example.org"}})");
  ASSERT_EQ(held.status, 200) << held.body;
  EXPECT_EQ(held.json.at("changed").to_number<int>(), 450);
  EXPECT_TRUE(held.json.at("next").is_null());
  EXPECT_EQ(state(spam.front()), State::held);
  EXPECT_EQ(state(kept), State::queued);
  EXPECT_EQ(acted_.size(), 450u);
  const Answer dropped = all(R"({"action":"drop","filter":{"state":"held"}})");
  EXPECT_EQ(dropped.json.at("changed").to_number<int>(), 450);
  EXPECT_EQ(ids("").size(), 1u);
  for (const std::string bad :
       {R"({"action":"drop","filter":{}})", R"({"action":"drop","filter":{"state":"x"}})",
        R"({"action":"drop","filter":{"sate":"held"}})",
        R"({"action":"burn","filter":{"state":"held"}})",
        R"({"action":"hold","filter":{"state":"held"},"notify":true})",
        R"({"action":"drop","filter":{"state":1}})"}) {
    EXPECT_EQ(all(bad).status, 422) << bad;
  }
  EXPECT_EQ(all(R"({"action":"drop"})").status, 400);
  EXPECT_FALSE(gone(kept));
}

TEST_F(QueueApiTest, one_call_changes_so_many_and_says_where_to_go_on) {
  for (int i = 0; i < 7; ++i) one();
  const ListFilter filter{.state = State::queued};
  const auto first = act_on_some(*spool_, hooks_, Action::retry, filter, "", admin::Notify::no, 5);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->changed, 5u);
  ASSERT_FALSE(first->next.empty());
  const auto rest =
      act_on_some(*spool_, hooks_, Action::retry, filter, first->next, admin::Notify::no, 5);
  EXPECT_EQ(rest->changed, 2u);
  EXPECT_TRUE(rest->next.empty());
}

TEST_F(QueueApiTest, says_what_waits_for_each_destination) {
  one();
  one("a@example.org", State::held);
  asleep_ = relay_;
  const MessageId dead = add("a@example.org", {{"y@example.net", {RouteKind::webhook, "wh_1"}}});
  kill(dead);
  const Answer answer = api_->get("/api/v1/queue/destinations", token_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json.at("total").to_number<int>(), 2);
  EXPECT_EQ(answer.text("/data/0/destination"), "webhook:wh_1");
  EXPECT_EQ(answer.json.at_pointer("/data/0/dead").to_number<int>(), 1);
  EXPECT_TRUE(answer.json.at_pointer("/data/0/next_attempt_at").is_null());
  EXPECT_TRUE(answer.json.at_pointer("/data/0/sleeping_until").is_null());
  EXPECT_EQ(answer.json.at_pointer("/data/1/queued").to_number<int>(), 1);
  EXPECT_EQ(answer.json.at_pointer("/data/1/held").to_number<int>(), 1);
  EXPECT_EQ(answer.text("/data/1/sleeping_until"), "2023-11-14T22:21:40.000Z");
  EXPECT_EQ(questions_, 1) << "one question for all destinations";
  busy_ = true;
  EXPECT_EQ(api_->get("/api/v1/queue/destinations", token_).status, 503);
}

TEST_F(QueueApiTest, verifies_every_message) {
  one();
  const Answer sound = api_->post("/api/v1/queue/verify", "", token_);
  ASSERT_EQ(sound.status, 200) << sound.body;
  EXPECT_EQ(sound.json.at("messages").to_number<int>(), 1);
  EXPECT_EQ(sound.json.at("wrong").to_number<int>(), 0);
  const MessageId id = one();
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->quarantine(id, "its checksum", done); }));
  const Answer damaged = api_->post("/api/v1/queue/verify", "", token_);
  EXPECT_EQ(damaged.json.at("wrong").to_number<int>(), 1);
  EXPECT_EQ(damaged.text("/findings/0/message"), id);
}

TEST_F(QueueApiTest, an_account_sees_and_retries_its_own_dead_letters_alone) {
  const std::string owner = api_->account("owner@example.com");
  const std::string webhook = api_->webhook(owner).text("/id");
  const std::string path = "/api/v1/webhooks/" + webhook + "/dead-letters";
  const Destination mine{RouteKind::webhook, webhook};
  const MessageId dead = add("a@example.org", {{"x@example.net", mine}});
  kill(dead);
  add("a@example.org", {{"x@example.net", mine}});  // still waits
  const MessageId mixed =
      add("a@example.org", {{"x@example.net", mine}, {"y@example.net", relay_}});
  kill(mixed);
  const MessageId foreign = one();
  kill(foreign);

  const Answer listed = api_->get(path, owner);
  ASSERT_EQ(listed.status, 200) << listed.body;
  EXPECT_EQ(listed.json.at("data").as_array().size(), 2u);
  EXPECT_EQ(api_->get(path, token_).status, 404) << "an operator is another account here";
  EXPECT_EQ(api_->get("/api/v1/queue", owner).status, 403);

  EXPECT_EQ(api_->post(path + "/" + foreign + "/retry", "", owner).status, 404);
  EXPECT_EQ(api_->post(path + "/" + mixed + "/retry", "", owner).status, 409);
  EXPECT_EQ(api_->post(path + "/" + dead + "/retry", "", token_).status, 404);
  EXPECT_EQ(api_->post(path + "/" + dead + "/retry", "", owner).status, 202);
  EXPECT_EQ(state(dead), State::queued);
  EXPECT_EQ(state(foreign), State::dead);
  EXPECT_EQ(api_->post(path + "/" + dead + "/retry", "", owner).status, 404) << "no longer dead";
}

TEST_F(QueueApiTest, a_log_record_leads_to_its_dead_letter) {
  const std::string owner = api_->account("owner@example.com");
  const std::string webhook = api_->webhook(owner).text("/id");
  const MessageId dead = add("a@example.org", {{"x@example.net", {RouteKind::webhook, webhook}}});
  const auto log = [&](const std::string& trace) {
    store::LogRecord record;
    record.id = new_id("log_");
    record.webhook_id = webhook;
    record.created_at = store::now();
    record.trace_id = trace;
    api_->log->append(record);
    return "/api/v1/webhooks/" + webhook + "/logs/" + record.id + "/retry";
  };
  const std::string path = log("01ARZ3NDEKTSV4RRFFQ69G5FAV");  // of add()
  EXPECT_EQ(api_->post(path, "", owner).status, 409) << "it is not dead";
  kill(dead);
  EXPECT_EQ(api_->post(log("01ARZ3NDEKTSV4RRFFQ69G5FAW"), "", owner).status, 409);
  EXPECT_EQ(api_->post(path, "", token_).status, 404) << "another account";
  const Answer answer = api_->post(path, "", owner);
  EXPECT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(answer.text("/id"), dead);
  EXPECT_TRUE(answer.text("/log_id").starts_with("log_"));
  EXPECT_EQ(state(dead), State::queued);
}

}  // namespace
}  // namespace postern::app
