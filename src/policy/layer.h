// A layer is a compiled policy in one dialect. The engine knows nothing else about it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_pointer.h"
#include "base/task.h"
#include "policy/evidence.h"
#include "policy/plan.h"
#include "policy/trace.h"
#include "policy/verdict.h"

namespace postern::policy {

/// Fetches evidence. Implemented by the gateway; tests hand in their own.
class Gatherer {
 public:
  virtual ~Gatherer() = default;
  /// Fills in every item of `needs` that is still missing. Trouble is recorded in the evidence, not
  /// thrown: each item's type has a value for "could not be known".
  virtual Task<void> gather(Need needs, Evidence& evidence) = 0;
  /// Asks DNS; the answer is added to evidence.dns.
  virtual Task<void> ask(dns::Question question, Evidence& evidence);
  /// The message, from Stage::message on; nullopt where it is not kept.
  virtual std::optional<std::string_view> message();
  /// Whether mail for the address stays here: a webhook owns it.
  virtual bool is_ours(const mail::Mailbox& address);
  /// Asks another program; the answer is added to evidence.consulted.
  virtual Task<void> consult(Consultation question, Evidence& evidence);
  /// In evidence that is offline: a line that a script writes to its log. Here it is dropped, since
  /// a decision that is made again is nothing that happens now.
  virtual void script_wrote(std::string_view level, std::string_view place, std::string_view text);
  /// In evidence that is offline: a script of `layer` asked for what the record does not have,
  /// whatever it made of the error.
  virtual void script_lacked(std::string_view layer);
};

/// Which items of `needs` are missing in `evidence`.
Need missing(Need needs, const Evidence& evidence);

class Layer {
 public:
  virtual ~Layer() = default;
  /// Outlives the layer: traces hold it.
  virtual std::string_view name() const = 0;
  /// What is needed to build the layer again offline, as JSON; webhook policies are kept apart.
  virtual std::string definition() const { return "{}"; }
  /// Whether this layer may say anything at `stage`; a cheap way not to be asked.
  virtual bool speaks_at(Stage stage) const = 0;
  /// A refusal that comes before any layer is asked: of what is not even worth reading.
  virtual std::optional<Step> refusal_unread(Stage, const Evidence&) const { return std::nullopt; }
  /// The layer's answer. Appends a Step for each rule it looked at.
  virtual Task<Verdict> judge(Stage stage, Evidence& evidence, Gatherer& gatherer,
                              std::vector<Step>& steps) const = 0;
};

/// Asks one rule: what it needs is gathered, its answer becomes a step.
Task<Verdict> run_rule(std::string_view layer, const Rule& rule, Evidence& evidence,
                       Gatherer& gatherer, std::vector<Step>& steps);

/// Runs the rules of `plan` at `stage` in order until one decides.
Task<Verdict> run_plan(std::string_view layer, const Plan& plan, Stage stage, Evidence& evidence,
                       Gatherer& gatherer, std::vector<Step>& steps);

enum class Mode { enforce, shadow };

struct LayerEntry {
  std::shared_ptr<const Layer> layer;
  Mode mode = Mode::enforce;
};

/// The layers of a listener, in order. Layers AND: the first refusal is the answer, and no permit
/// overrules another layer's refusal (DESIGN §1). Immutable; shared by all sessions.
class Engine {
 public:
  explicit Engine(std::vector<LayerEntry> layers);

  /// Whether any layer speaks at `stage`: if not, no coroutine needs to be started.
  bool speaks_at(Stage stage) const;
  /// Decides `stage`. Never throws: an exception in a layer is a refusal with 451 4.3.0 whose cause
  /// stands in the step (fail closed).
  /// Shadow layers are asked even after a refusal, so that they see all mail.
  Task<Decision> decide(Stage stage, Evidence& evidence, Gatherer& gatherer) const;
  /// The layers with their modes as JSON: `[{"layer":"webhook","mode":"enforce","definition":{}}]`.
  const std::string& definition() const { return *definition_; }

 private:
  Task<Verdict> ask(const Layer& layer, Stage stage, Evidence& evidence, Gatherer& gatherer,
                    std::vector<Step>& steps) const;

  std::vector<LayerEntry> layers_;
  std::shared_ptr<const std::string> definition_;
};

/// The engine that decides now. Whoever decides asks for it at each command, so that a change holds
/// from the next command on. Safe from any thread.
class CurrentEngine {
 public:
  /// Null until the first set(): before anybody decides.
  explicit CurrentEngine(std::shared_ptr<const Engine> engine = nullptr)
      : engine_(std::move(engine)) {}
  std::shared_ptr<const Engine> get() const { return engine_.load(); }
  void set(std::shared_ptr<const Engine> engine) { engine_.store(std::move(engine)); }

 private:
  SharedPointer<const Engine> engine_;
};

/// Whether the decision, shadow layers aside, is a refusal.
bool refused(const Decision& decision);
/// The step whose refusal is the reply: the first that counts; null when none refused.
const Step* refusing_step(const Decision& decision);

}  // namespace postern::policy
