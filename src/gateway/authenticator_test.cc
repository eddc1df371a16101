#include "gateway/authenticator.h"

#include <gtest/gtest.h>
#include <functional>
#include <map>
#include <thread>

#include "policy/inquiry.h"
#include "policy/step.h"
#include "policy/testing.h"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using policy::AuthAnswer;
using ResultKind = Authenticator::Result::Kind;
using Said = AuthAnswer::Kind;

/// Returns a fixed answer and counts calls.
class Says final : public policy::Verifier {
 public:
  Says(std::string_view name, AuthAnswer answer, std::string served = "PLAIN")
      : name_(name), answer_(std::move(answer)), served_(std::move(served)) {}
  std::string_view name() const override { return name_; }
  bool serves(std::string_view mechanism) const override { return mechanism == served_; }
  Task<AuthAnswer> verify(const policy::AuthAttempt&, policy::Inquiry&,
                          std::vector<policy::Step>&) const override {
    ++asked;
    if (while_asked) while_asked();
    if (answer_.detail == "throw") throw std::runtime_error("out of order");
    co_return answer_;
  }
  Task<Result<std::optional<policy::ScramKeys>>> scram_keys(std::string name,
                                                            std::string salt) const override {
    if (name == "plain") co_return std::optional(smtp::scram_keys_of(Secret("tiger"), salt, 5000));
    if (name != "scott") co_return std::optional<policy::ScramKeys>();
    co_return std::optional(smtp::scram_keys_of(Secret("tiger"), "salt of twelve", 9000));
  }
  std::uint32_t scram_iterations() const override { return 5000; }
  std::vector<std::string> accounts_of(const std::string& name) const override {
    return {by_local_part ? name.substr(0, name.rfind('@')) : name};
  }
  mutable int asked = 0;
  bool by_local_part = false;
  std::function<void()> while_asked;

 private:
  std::string_view name_;
  AuthAnswer answer_;
  std::string served_;
};

AuthAnswer accepts(std::string username, std::string authz_id = {}) {
  AuthAnswer answer{.kind = Said::accepted};
  answer.identity.username = std::move(username);
  answer.identity.authz_id = std::move(authz_id);
  return answer;
}

class AuthenticatorTest : public testing::Test {
 protected:
  std::shared_ptr<Says> add(std::string_view name, AuthAnswer answer,
                            std::string served = "PLAIN") {
    auto verifier = std::make_shared<Says>(name, std::move(answer), std::move(served));
    verifiers_.push_back(verifier);
    return verifier;
  }
  void use(AuthLimits limits = {}) {
    authenticator_ = std::make_unique<Authenticator>(std::move(limits));
    authenticator_->set_verifiers(std::make_shared<const Authenticator::Verifiers>(verifiers_));
  }
  Authenticator::Result attempt(std::string user, std::string password = "tiger",
                                std::string authz_id = {}, std::string_view from = "192.0.2.1",
                                std::string mechanism = "PLAIN") {
    if (!authenticator_) use();
    policy::Evidence evidence;
    evidence.session.client_ip = *IpAddress::parse(from);
    policy::testing::CountingGatherer gatherer;
    steps.clear();
    smtp::Auth event{std::move(mechanism), std::move(authz_id), std::move(user),
                     Secret(std::move(password))};
    policy::Tape tape;
    policy::Inquiry inquiry(evidence, gatherer, tape);
    return policy::testing::run(authenticator_->verify(std::move(event), inquiry, steps));
  }
  std::string said() const {
    std::string text;
    for (const policy::Step& step : steps)
      text += (text.empty() ? "" : ", ") + std::string(step.check) + " " +
              std::string(to_string(step.verdict.kind));
    return text;
  }

  Authenticator::Verifiers verifiers_;
  std::unique_ptr<Authenticator> authenticator_;
  std::vector<policy::Step> steps;
};

TEST_F(AuthenticatorTest, the_first_that_knows_decides) {
  struct Case {
    std::vector<AuthAnswer> answers;
    ResultKind wanted;
    std::string_view said;
  };
  const AuthAnswer unknown, refused{.kind = Said::refused}, trouble{.kind = Said::unavailable},
      thrown{.detail = "throw"};
  const Case cases[] = {
      {{}, ResultKind::refused, ""},
      {{unknown, unknown}, ResultKind::refused, "a pass_on, b pass_on"},
      {{unknown, accepts("u")}, ResultKind::accepted, "a pass_on, b permit"},
      {{accepts("u"), refused}, ResultKind::accepted, "a permit"},
      {{refused, accepts("u")}, ResultKind::refused, "a reject"},
      {{trouble, accepts("u")}, ResultKind::unavailable, "a defer"},
      {{unknown, trouble}, ResultKind::unavailable, "a pass_on, b defer"},
      {{thrown, accepts("u")}, ResultKind::unavailable, "a defer"},
  };
  for (const Case& c : cases) {
    verifiers_.clear();
    static constexpr std::string_view names[] = {"a", "b"};
    for (std::size_t i = 0; i < c.answers.size(); ++i) add(names[i], c.answers[i]);
    use();
    EXPECT_EQ(attempt("u").kind, c.wanted) << c.said;
    EXPECT_EQ(said(), c.said);
  }
}

TEST_F(AuthenticatorTest, a_name_is_told_only_where_an_account_has_it) {
  add("a", {.kind = Said::refused, .detail = "wrong password", .known = true});
  EXPECT_EQ(attempt("scott").known_name, "scott");
  EXPECT_EQ(steps.back().verdict.detail, "wrong password, user scott");
  verifiers_.clear();
  add("a", {.kind = Said::refused, .detail = "the query does not say true"});
  use();
  EXPECT_EQ(attempt("tiger").known_name, "");
  EXPECT_EQ(steps.back().verdict.detail, "the query does not say true");
  verifiers_.clear();
  add("a", {.kind = Said::unavailable, .detail = "the database is away"});
  use();
  const Authenticator::Result away = attempt("scott");
  EXPECT_EQ(away.verifier, "a");
  EXPECT_EQ(away.trouble, "the database is away");
}

TEST_F(AuthenticatorTest, offers_and_asks_what_is_served) {
  const auto plain = add("a", accepts("u"), "PLAIN");
  const auto tokens = add("b", accepts("u"), "OAUTHBEARER");
  use();
  EXPECT_EQ(authenticator_->mechanisms(), "PLAIN OAUTHBEARER");
  EXPECT_FALSE(authenticator_->serves("LOGIN"));
  EXPECT_EQ(attempt("u", "token", "", "192.0.2.1", "OAUTHBEARER").kind, ResultKind::accepted);
  EXPECT_EQ(plain->asked, 0);
  EXPECT_EQ(tokens->asked, 1);
  add("c", {}, "SCRAM-SHA-256");
  use();
  EXPECT_EQ(authenticator_->mechanisms(), "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS OAUTHBEARER");
}

TEST_F(AuthenticatorTest, another_identity_is_for_the_verifier_to_grant) {
  add("a", accepts("mallory"));
  EXPECT_EQ(attempt("mallory", "p", "").identity.authz_id, "mallory");
  EXPECT_EQ(attempt("mallory", "p", "mallory").kind, ResultKind::accepted);
  EXPECT_EQ(attempt("mallory", "p", "scott").kind, ResultKind::refused);
  EXPECT_EQ(said(), "a permit, authz_id reject");
  EXPECT_EQ(attempt("mallory", "p", "Mallory").kind, ResultKind::refused);

  verifiers_.clear();
  add("a", accepts("relay", "scott"));
  use();
  const auto granted = attempt("relay", "p", "scott");
  EXPECT_EQ(granted.kind, ResultKind::accepted);
  EXPECT_EQ(granted.identity.username, "relay");
  EXPECT_EQ(granted.identity.authz_id, "scott");
  EXPECT_EQ(attempt("relay", "p", "root").kind, ResultKind::refused);

  verifiers_.clear();
  add("a", accepts("scott@example.com"), "OAUTHBEARER");
  use();
  const auto bearer = [&](const char* user) {
    return attempt(user, "token", user, "192.0.2.1", "OAUTHBEARER").kind;
  };
  EXPECT_EQ(bearer(""), ResultKind::accepted);
  EXPECT_EQ(bearer("scott@example.com"), ResultKind::accepted);
  EXPECT_EQ(bearer("root@example.com"), ResultKind::refused);
}

TEST_F(AuthenticatorTest, an_empty_password_is_nobodys) {
  const auto verifier = add("a", accepts("u"));
  EXPECT_EQ(attempt("u", "").kind, ResultKind::refused);
  EXPECT_EQ(verifier->asked, 0);
}

TEST_F(AuthenticatorTest, refuses_in_the_verifiers_words) {
  AuthAnswer moved{.kind = Said::refused, .reply = smtp::Reply{421, {4, 3, 2}, "moved"}};
  add("a", moved);
  EXPECT_EQ(attempt("u").reply->code, 421);
  moved.reply->code = 250;  // not a refusal
  verifiers_.clear();
  add("a", moved);
  use();
  EXPECT_FALSE(attempt("u").reply);
}

TEST_F(AuthenticatorTest, the_last_failure_allowed_locks_for_a_while) {
  const auto verifier = add("a", {});
  AuthLimits limits{.failures_per_address = 3,
                    .failures_per_subnet = 0,
                    .failures_per_account = 0,
                    .window = 1h,
                    .lockout = 1h};
  use(limits);
  for (const char* user : {"a", "b", "c"}) EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  EXPECT_EQ(attempt("d").kind, ResultKind::throttled);
  EXPECT_EQ(said(), "guess_limit defer");
  EXPECT_EQ(verifier->asked, 3);
  EXPECT_EQ(attempt("d", "x", "", "192.0.2.2").kind, ResultKind::refused);
  limits.lockout = 1ms;
  authenticator_->set_limits(limits);
  std::this_thread::sleep_for(2ms);
  EXPECT_EQ(attempt("e").kind, ResultKind::refused);
}

/// Counts of a cluster without its database; they hold for ever.
class Counts final : public SharedCounts {
 public:
  Answer closed(const Limit& limit, std::string_view key) override {
    return !deaf && full(limit, key) ? Answer(60) : std::nullopt;
  }
  void count(const Limit& limit, std::string_view key, std::function<void(Answer)> done) override {
    const bool beyond = full(limit, key);
    if (!beyond) ++counts_[{std::string(limit.kind), std::string(key)}];
    done(beyond ? Answer(60) : std::nullopt);
  }
  void take_back(const Limit& /*limit*/, std::string_view /*key*/) override {}
  bool deaf = false;  ///< it has not heard yet what others counted

 private:
  bool full(const Limit& limit, std::string_view key) {
    return limit.most != 0 && counts_[{std::string(limit.kind), std::string(key)}] >= limit.most;
  }
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

TEST_F(AuthenticatorTest, gateways_of_a_cluster_count_failures_together) {
  Counts counts;
  const auto says = add("a", {});
  const auto gateway = [&] {
    authenticator_ = std::make_unique<Authenticator>(
        AuthLimits{.failures_per_address = 3, .failures_per_subnet = 0, .failures_per_account = 2},
        "key", &counts);
    authenticator_->set_verifiers(std::make_shared<const Authenticator::Verifiers>(verifiers_));
  };
  for (const char* user : {"a", "b", "c"}) {
    gateway();
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  }
  gateway();
  EXPECT_EQ(attempt("d").kind, ResultKind::throttled);
  EXPECT_EQ(says->asked, 3);
  EXPECT_EQ(attempt("a", "x", "", "192.0.2.2").kind, ResultKind::refused);
  EXPECT_EQ(attempt("a", "x", "", "192.0.2.3").kind, ResultKind::throttled) << "by its name";
  counts.deaf = true;
  EXPECT_EQ(attempt("e").kind, ResultKind::throttled) << "what came of it is not told";
  EXPECT_EQ(says->asked, 5);
}

TEST_F(AuthenticatorTest, counts_subnets_and_names_and_no_trouble) {
  add("a", {});
  use({.failures_per_address = 0, .failures_per_subnet = 2, .failures_per_account = 0});
  attempt("a", "x", "", "192.0.2.1");
  attempt("b", "x", "", "192.0.2.200");
  EXPECT_EQ(attempt("c", "x", "", "192.0.2.77").kind, ResultKind::throttled);
  EXPECT_EQ(attempt("c", "x", "", "198.51.100.1").kind, ResultKind::refused);
  attempt("a", "x", "", "2001:db8:1:1::1");
  attempt("a", "x", "", "2001:db8:1:2::1");
  EXPECT_EQ(attempt("a", "x", "", "2001:db8:1:3::1").kind, ResultKind::throttled);
  EXPECT_EQ(attempt("a", "x", "", "2001:db8:2:1::1").kind, ResultKind::refused);

  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 2});
  attempt("Scott", "x", "", "192.0.2.1");
  attempt("scott", "x", "", "198.51.100.1");
  EXPECT_EQ(attempt("SCOTT", "x", "", "203.0.113.1").kind, ResultKind::throttled);
  EXPECT_EQ(attempt("ann", "x", "", "203.0.113.1").kind, ResultKind::refused);

  use({.failures_per_address = 1,
       .failures_per_subnet = 1,
       .failures_per_account = 0,
       .exempt = CidrSet({*Cidr::parse("192.0.2.0/24")})});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempt("u").kind, ResultKind::refused);

  verifiers_.clear();
  add("a", {.kind = Said::unavailable});
  use({.failures_per_address = 1, .failures_per_subnet = 1, .failures_per_account = 1});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempt("u").kind, ResultKind::unavailable);
}

// RFC 4616 §2.
TEST_F(AuthenticatorTest, spellings_of_a_name_are_one_account) {
  add("a", {});
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 3});
  for (const char* user : {"sc\u00adott", "\uff33cott", "SCOTT"})
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  EXPECT_EQ(attempt("scott").kind, ResultKind::throttled);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt("no\ue000name").kind, ResultKind::refused);
  EXPECT_EQ(attempt("no\ue000name").kind, ResultKind::throttled);
}

TEST_F(AuthenticatorTest, what_a_verifier_does_not_ask_with_makes_no_other_account) {
  add("a", {})->by_local_part = true;
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 5});
  for (const char* user : {"scott@x0", "scott@x1", " Scott @x2", "scott", "scott\u00a0@x3"})
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  EXPECT_EQ(attempt("scott@x4").kind, ResultKind::throttled);
  EXPECT_EQ(attempt("ann@x4").kind, ResultKind::refused);

  // With a second verifier that looks up the whole name, each verifier's account counts separately.
  add("b", {});
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 2});
  for (const char* user : {"scott@x0", "scott@x1"})
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  EXPECT_EQ(attempt("scott@x2").kind, ResultKind::throttled);

  verifiers_.clear();
  add("b", {});
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 2});
  for (const char* user : {"scott@x0", "scott@x1", "scott@x2"})
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  for (const char* user : {"John  Smith", "john smith "})
    EXPECT_EQ(attempt(user).kind, ResultKind::refused);
  EXPECT_EQ(attempt("john smith").kind, ResultKind::throttled);
}

/// A verifier of two tenants with users of the same names; the password is the tenant's id.
class TwoTenants final : public policy::Verifier {
 public:
  std::string_view name() const override { return "policies"; }
  bool serves(std::string_view mechanism) const override { return mechanism == "PLAIN"; }
  Task<AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry&,
                          std::vector<policy::Step>&) const override {
    AuthAnswer answer{.kind = Said::refused};
    for (const std::string id : {"pol_a", "pol_b"}) {
      if (attempt.only && !attempt.only->opened.contains(id)) continue;
      if (attempt.password.reveal() != id) continue;
      answer = accepts(attempt.authn_id);
      answer.identity.granted = {{id, 1}};
    }
    co_return answer;
  }
};

TEST_F(AuthenticatorTest, who_signed_in_is_not_locked_out_by_the_guesses_of_others) {
  verifiers_.push_back(std::make_shared<TwoTenants>());
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 3});
  EXPECT_EQ(attempt("printer", "pol_b", "", "192.0.2.7").kind, ResultKind::accepted);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(attempt("printer", "old", "", "198.51.100.1").kind, ResultKind::refused);
  EXPECT_EQ(attempt("printer", "pol_a", "", "198.51.100.1").kind, ResultKind::throttled);
  EXPECT_EQ(attempt("printer", "pol_b", "", "192.0.2.7").kind, ResultKind::accepted);
  // The client may only try what it opened before.
  EXPECT_EQ(attempt("printer", "pol_a", "", "192.0.2.7").kind, ResultKind::refused);
  EXPECT_EQ(attempt("printer", "pol_b", "", "192.0.2.8").kind, ResultKind::throttled);
}

TEST_F(AuthenticatorTest, a_name_locked_for_one_verifier_is_not_asked_of_another) {
  const auto first = add("a", {.kind = Said::unknown});
  add("b", accepts("scott"));
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 2});
  EXPECT_EQ(attempt("scott").kind, ResultKind::accepted);
  EXPECT_EQ(first->asked, 1);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(attempt("scott", "p", "other", "198.51.100.1").kind, ResultKind::refused);
  EXPECT_EQ(attempt("scott").kind, ResultKind::accepted);
  EXPECT_EQ(first->asked, 3) << "it was not the one that let the client in";
}

TEST_F(AuthenticatorTest, guesses_that_came_together_are_told_nothing) {
  const auto slow = add("a", accepts("scott"));
  use({.failures_per_address = 0, .failures_per_subnet = 0, .failures_per_account = 2});
  slow->while_asked = [&] {
    slow->while_asked = {};
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(attempt("scott", "p", "another").kind, ResultKind::refused);
  };
  EXPECT_EQ(attempt("scott").kind, ResultKind::throttled) << "locked meanwhile";
}

TEST_F(AuthenticatorTest, new_limits_judge_what_was_counted) {
  add("a", {});
  AuthLimits limits{.failures_per_address = 5, .failures_per_subnet = 0, .failures_per_account = 0};
  use(limits);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt("u").kind, ResultKind::refused);
  limits.failures_per_address = 3;
  authenticator_->set_limits(limits);
  EXPECT_EQ(attempt("u").kind, ResultKind::throttled);
  limits.failures_per_address = 5;
  authenticator_->set_limits(limits);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(attempt("u").kind, ResultKind::refused);
  EXPECT_EQ(attempt("u").kind, ResultKind::throttled);
  limits.exempt = CidrSet({*Cidr::parse("192.0.2.0/24")});
  authenticator_->set_limits(limits);
  EXPECT_EQ(attempt("u").kind, ResultKind::refused);
  limits.exempt = {};
  limits.lockout = 1ms;
  authenticator_->set_limits(limits);
  std::this_thread::sleep_for(2ms);
  EXPECT_EQ(attempt("u").kind, ResultKind::refused) << "the lock is over";
}

TEST_F(AuthenticatorTest, the_defaults_lock_nobody_within_ten_failures) {
  add("a", {});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempt("scott").kind, ResultKind::refused) << i;
  EXPECT_EQ(attempt("scott").kind, ResultKind::throttled);
}

TEST_F(AuthenticatorTest, scram_keys_of_strangers_look_like_others) {
  add("a", {}, "SCRAM-SHA-256");
  use();
  const IpAddress client = *IpAddress::parse("192.0.2.1");
  const auto keys = [&](std::string name) {
    return *policy::testing::run(authenticator_->scram_keys(std::move(name), client, steps));
  };
  const policy::ScramKeys ghost = keys("ghost");
  const policy::ScramKeys known = keys("scott");
  EXPECT_EQ(ghost.iterations, 5000u);
  EXPECT_EQ(ghost.salt.size(), 16u);
  EXPECT_EQ(ghost.salt, keys("ghost").salt) << "whoever else has signed in";
  EXPECT_EQ(ghost.iterations, keys("ghost").iterations);
  EXPECT_NE(ghost.salt, keys("spectre").salt);
  EXPECT_NE(ghost.stored_key, keys("ghost").stored_key);
  EXPECT_EQ(said(), "a pass_on, a pass_on, a pass_on, a pass_on, a pass_on, a pass_on");
  // RFC 5802 §5.1: names are prepared; what cannot be ends the exchange.
  EXPECT_EQ(keys("sc\u00adott").salt, known.salt);
  EXPECT_EQ(keys("gho\u00adst").salt, ghost.salt);
  // Another start with the same key gives the same salts to unknown names and to plain passwords.
  const auto after_a_restart = [&](std::string name) {
    authenticator_ = std::make_unique<Authenticator>(AuthLimits{}, "a key that is kept");
    authenticator_->set_verifiers(std::make_shared<const Authenticator::Verifiers>(verifiers_));
    return keys(std::move(name)).salt;
  };
  for (const char* name : {"ghost", "plain"}) {
    EXPECT_EQ(after_a_restart(name), after_a_restart(name)) << name;
    EXPECT_EQ(after_a_restart(name).size(), 16u);
  }
  EXPECT_EQ(policy::testing::run(authenticator_->scram_keys("a\ue000", client, steps)).error(),
            ResultKind::refused);
}

TEST_F(AuthenticatorTest, a_wrong_proof_is_a_failure_like_any_other) {
  add("a", {}, "SCRAM-SHA-256");
  use({.failures_per_address = 1, .failures_per_subnet = 0, .failures_per_account = 0});
  policy::Evidence evidence;
  policy::testing::CountingGatherer gatherer;
  const auto proven = [&](smtp::Proof proof, std::string authz_id) {
    smtp::Auth event{"SCRAM-SHA-256", std::move(authz_id), "scott", {}, proof};
    policy::Tape tape;
    policy::Inquiry inquiry(evidence, gatherer, tape);
    return policy::testing::run(authenticator_->verify(std::move(event), inquiry, steps));
  };
  EXPECT_EQ(proven(smtp::Proof::right, "").identity.username, "scott");
  EXPECT_EQ(proven(smtp::Proof::right, "scott").kind, ResultKind::accepted);
  EXPECT_EQ(proven(smtp::Proof::wrong, "").kind, ResultKind::refused);
  EXPECT_EQ(proven(smtp::Proof::right, "").kind, ResultKind::throttled);
  EXPECT_EQ(
      policy::testing::run(authenticator_->scram_keys("scott", evidence.session.client_ip, steps))
          .error(),
      ResultKind::throttled);
  use();
  EXPECT_EQ(proven(smtp::Proof::right, "root").kind, ResultKind::refused);
}

}  // namespace
}  // namespace postern::gateway
