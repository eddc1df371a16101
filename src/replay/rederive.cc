#include "replay/rederive.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <boost/json.hpp>

#include "dialect/kumo/layer.h"
#include "dialect/restrictions/layer.h"
#include "dialect/script_record.h"
#include "dialect/vsl/layer.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "mailauth/spf/check_host.h"
#include "policy/authentication.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "policy/trace.h"

namespace postern::replay {

namespace {

namespace json = boost::json;

/// A record has all the DNS answers there were.
class NoResolver final : public dns::Resolver {
 public:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    throw std::runtime_error("the answer about " + question.name + " is not in the record");
  }
};

/// SPF and DMARC are evaluated anew, from the recorded DNS answers alone. The message itself is not
/// kept: what its signatures said is taken from the record, and what is not there was not used.
class RecordGatherer final : public policy::Gatherer {
 public:
  explicit RecordGatherer(const policy::Evidence& recorded) {
    if (recorded.dmarc) options_.dmarc = recorded.dmarc->mode;
  }

  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override {
    using policy::Need;
    if (policy::has(needs, Need::dmarc)) needs = needs | Need::spf;  // it takes SPF with it
    needs = policy::missing(needs, evidence);
    NoResolver resolver;
    policy::DnsDesk desk(resolver, evidence, mailauth::spf::max_queries,
                         std::chrono::milliseconds(0));
    if (policy::has(needs, Need::spf)) {
      co_await policy::find_spf(evidence, desk, options_, nullptr);
      needs = policy::without(needs, Need::spf);
    }
    if (policy::has(needs, Need::dmarc) && evidence.spf && evidence.dkim) {
      co_await policy::find_dmarc(evidence, desk, options_);
      needs = policy::without(needs, Need::dmarc);
    }
    if (needs != Need::none) {
      throw std::runtime_error("the evidence this check needs is not in the record");
    }
  }

 private:
  policy::AuthenticationOptions options_;
};

std::shared_ptr<const policy::Layer> layer_from(const json::object& entry) {
  const std::string_view name = entry.at("layer").as_string();
  const json::object& definition = entry.at("definition").as_object();
  const auto limit = [&](std::string_view key) {
    return definition.at(key).to_number<std::uint64_t>();
  };
  if (name == "webhook")
    return std::make_shared<dialect::webhook::WebhookLayer>(limit("recipients"));
  if (name == "restrictions") {
    auto layer = dialect::restrictions::layer_from_definition(json::serialize(definition));
    if (!layer) throw std::runtime_error(layer.error().message);
    return *layer;
  }
  if (name == "lua") {
    auto policy = dialect::kumo::load_definition(definition);
    if (!policy) throw std::runtime_error(policy.error().message);
    return std::make_shared<dialect::kumo::KumoLayer>(*policy);
  }
  if (name == "vsl") {
    auto policy = dialect::vsl::load_definition(definition);
    if (!policy) throw std::runtime_error(policy.error().message);
    return std::make_shared<dialect::vsl::VslLayer>(*policy);
  }
  if (name != "gateway") return nullptr;
  smtp::Limits limits;
  limits.received_fields = limit("received_fields");
  limits.header_size = limit("header_size");
  limits.header_fields = limit("header_fields");
  policy::DmarcRule dmarc = policy::DmarcRule::report;
  if (const json::value* rule = definition.if_contains("dmarc")) {
    if (rule->as_string() == "enforce") dmarc = policy::DmarcRule::enforce;
    if (rule->as_string() == "require") dmarc = policy::DmarcRule::require;
  }
  return policy::gateway_layer(limits, dmarc);
}

}  // namespace

Result<policy::Engine> engine_from(std::string_view definition) {
  try {
    const json::value parsed = json::parse({definition.data(), definition.size()});
    std::vector<policy::LayerEntry> layers;
    for (const json::value& one : parsed.as_array()) {
      const json::object& entry = one.as_object();
      auto layer = layer_from(entry);
      if (!layer) {
        const std::string name(entry.at("layer").as_string());
        return fail(Fault::not_found, "this version has no layer \"" + name + "\"");
      }
      const bool shadow = entry.at("mode").as_string() == "shadow";
      layers.push_back({std::move(layer), shadow ? policy::Mode::shadow : policy::Mode::enforce});
    }
    return policy::Engine(std::move(layers));
  } catch (const std::exception& error) {  // Boost.JSON's way of saying "missing" or "wrong type"
    return fail(Fault::malformed, std::string("a recorded engine: ") + error.what());
  }
}

policy::DefinitionSource definition_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text) {
  using Policy = std::shared_ptr<policy::WebhookPolicy>;
  const auto policy = [text](const std::string& id, std::uint64_t version) -> Result<Policy> {
    const Result<std::string> definition = text(id, version);
    if (!definition) return tl::unexpected(definition.error());
    const Result<dialect::webhook::PolicyFields> fields = dialect::webhook::fields_of(*definition);
    if (!fields) return tl::unexpected(fields.error());
    return std::make_shared<policy::WebhookPolicy>(
        *dialect::webhook::compile(id, {}, version, 1, *fields));
  };
  const auto engine = [text](std::uint64_t version) { return text("engine", version); };
  return {policy, engine};
}

bool Rederived::agrees() const {
  return std::all_of(answers.begin(), answers.end(), [](const Answer& answer) {
    return answer.differences.empty() || answer.hangs_on_withheld;
  });
}

namespace {

/// The definition of the script that judged a login, loaded once for all that it judged.
class Judges {
 public:
  Result<std::shared_ptr<const dialect::kumo::LuaPolicy>> of(const policy::LoginRecord& login) {
    if (policy_ != nullptr && definition_ == *login.verifier) return policy_;
    try {
      auto loaded = dialect::kumo::load_definition(script::parse_kept(*login.verifier).as_object());
      if (!loaded) return tl::unexpected(loaded.error());
      policy_ = *loaded;
    } catch (const std::exception& error) {
      return fail(Fault::malformed, std::string("a recorded verifier: ") + error.what());
    }
    definition_ = *login.verifier;
    return policy_;
  }

 private:
  std::string definition_;
  std::shared_ptr<const dialect::kumo::LuaPolicy> policy_;
};

/// Of the recorded steps of a login those that a script left.
policy::Decision of_script(const policy::Decision& recorded) {
  policy::Decision decision{.stage = recorded.stage};
  decision.reply.code = 0;
  std::ranges::copy_if(recorded.steps, std::back_inserter(decision.steps),
                       [](const policy::Step& step) { return step.layer == "lua"; });
  return decision;
}

Task<std::vector<std::string>> differences_of_login(
    std::shared_ptr<const dialect::kumo::LuaPolicy> judge, const policy::Trace& trace,
    const policy::Decision& recorded, policy::Gatherer& gatherer, const Secret* password) {
  policy::Evidence evidence = policy::evidence_at(trace, recorded);
  evidence.session.auth.reset();
  policy::Decision derived{.stage = recorded.stage};
  derived.reply.code = 0;
  policy::Tape tape = policy::Tape::of({});
  policy::Inquiry inquiry(evidence, gatherer, tape);
  derived.steps =
      co_await dialect::kumo::judge_again(std::move(judge), *recorded.login, inquiry, password);
  co_return policy::differences(of_script(recorded), derived);
}

/// With the password where one is given; where it was not that of this one of several logins, it is
/// a stranger there.
Task<Result<Rederived::Answer>> login_again(Judges& judges, const policy::Trace& trace,
                                            const policy::Decision& recorded,
                                            policy::Gatherer& gatherer, const Secret* password) {
  const auto judge = judges.of(*recorded.login);
  if (!judge) co_return tl::unexpected(judge.error());
  Rederived::Answer answer{.asked = true};
  answer.differences = co_await differences_of_login(*judge, trace, recorded, gatherer, password);
  const auto logins = std::ranges::count_if(
      trace.decisions, [](const policy::Decision& one) { return one.login.has_value(); });
  if (password != nullptr && !answer.differences.empty() && logins > 1) {
    const auto without = co_await differences_of_login(*judge, trace, recorded, gatherer, nullptr);
    if (without.empty()) answer.differences.clear();
  }
  answer.hangs_on_withheld = !answer.differences.empty();
  co_return answer;
}

}  // namespace

Task<Result<Rederived>> rederive(const policy::Trace& trace, const Secret* password) {
  Rederived result;
  RecordGatherer gatherer(trace.evidence);
  Judges judges;
  std::optional<policy::Engine> engine;
  std::shared_ptr<const std::string> engine_definition;
  for (const policy::Decision& recorded : trace.decisions) {
    Rederived::Answer& answer = result.answers.emplace_back();
    if (recorded.login) {
      auto again = co_await login_again(judges, trace, recorded, gatherer, password);
      if (!again) co_return tl::unexpected(again.error());
      answer = std::move(*again);
    }
    if (!recorded.engine) continue;
    if (recorded.engine != engine_definition) {
      Result<policy::Engine> built = engine_from(*recorded.engine);
      if (!built) co_return tl::unexpected(built.error());
      engine.emplace(std::move(*built));
      engine_definition = recorded.engine;
    }
    policy::Evidence evidence = policy::evidence_at(trace, recorded);
    evidence.spf.reset();
    evidence.dmarc.reset();
    const policy::Decision derived = co_await engine->decide(recorded.stage, evidence, gatherer,
                                                             policy::Tape::of(recorded.script));
    answer.asked = true;
    answer.differences = policy::differences(recorded, derived);
  }
  co_return result;
}

}  // namespace postern::replay
