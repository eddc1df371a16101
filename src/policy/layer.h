// A layer is a policy compiled from one dialect. The engine knows no dialect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_pointer.h"
#include "base/task.h"
#include "policy/tape.h"
#include "policy/verdict.h"

namespace postern::policy {

class Gatherer;
class Inquiry;
class Plan;
struct Decision;
struct EffectNote;
struct Evidence;
struct Rule;
struct Ruling;
struct Step;

/// A compiled policy. Immutable and thread-safe: all sessions share it.
class Layer {
 public:
  virtual ~Layer() = default;
  /// The layer's name in traces. A static string, because traces outlive the layer.
  virtual std::string_view name() const = 0;
  /// JSON from which the layer can be rebuilt offline; webhook policies are stored separately.
  virtual std::string definition() const { return "{}"; }
  /// Whether the layer may decide anything at `stage`; if not, judge() is not called.
  virtual bool speaks_at(Stage stage) const = 0;
  /// A refusal that is decided before any layer's judge() is called, for input that no layer can
  /// judge: an oversized header section, of which only the size is known. Not called in shadow.
  virtual std::optional<Step> refusal_unread(Stage, const Evidence&) const;
  /// The layer's ruling. Appends to `steps` one step for each rule that ran. `inquiry` and `steps`
  /// must outlive the task. The engine turns an exception into a temporary refusal.
  virtual Task<Ruling> judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const = 0;
};

/// Runs one rule: gathers the evidence that its check needs, calls the check's judge(), and appends
/// a step. `layer`: the layer's name, static. The arguments must outlive the task.
Task<Verdict> run_rule(std::string_view layer, const Rule& rule, Inquiry& inquiry,
                       std::vector<Step>& steps);

/// Runs the rules of `plan` at `stage` in order until one decides. The arguments must outlive the
/// task.
Task<Verdict> run_plan(std::string_view layer, const Plan& plan, Stage stage, Inquiry& inquiry,
                       std::vector<Step>& steps);

/// What becomes of a layer's rulings.
enum class Mode {
  enforce,  ///< they are traced and applied
  shadow,   ///< they are traced only
};

/// A layer of an engine.
struct LayerEntry {
  std::shared_ptr<const Layer> layer;  ///< never null
  Mode mode = Mode::enforce;           ///< whether its rulings are applied
};

/// The layers of a listener, in order. The first refusal is the reply; a permit does not overrule
/// another layer's refusal (docs/decisions/0008). Immutable; shared by all sessions.
class Engine {
 public:
  /// The layers in the order in which they are asked.
  explicit Engine(std::vector<LayerEntry> layers);

  /// Whether any layer speaks at `stage`; if not, decide() need not be called.
  bool speaks_at(Stage stage) const;
  /// Decides `stage`. Does not throw: an exception in a layer becomes a refusal with 451 4.3.0 (at
  /// connect 421, at auth 454 4.7.0), and the cause is in a step. The effects of an
  /// enforced layer are applied to `evidence` before the next layer is asked. Shadow layers are
  /// asked even after a refusal, so that they see all mail; their effects are not applied. `tape`
  /// supplies scripts with recorded answers, or records the answers for Decision::script.
  Task<Decision> decide(Stage stage, Evidence& evidence, Gatherer& gatherer, Tape tape = {}) const;
  /// JSON of the layers and their modes: `[{"layer":"webhook","mode":"enforce","definition":{}}]`.
  const std::string& definition() const { return *definition_; }

 private:
  Task<Ruling> ask(const LayerEntry& entry, Stage stage, Inquiry& inquiry,
                   std::vector<Step>& steps) const;

  std::vector<LayerEntry> layers_;
  std::shared_ptr<const std::string> definition_;
};

/// The current engine. Callers get it for each command, so that a new one takes effect at the next
/// command. Thread-safe.
class CurrentEngine {
 public:
  /// May be null until the first set(), before the first decision.
  explicit CurrentEngine(std::shared_ptr<const Engine> engine = nullptr)
      : engine_(std::move(engine)) {}
  /// The engine of the last set().
  std::shared_ptr<const Engine> get() const { return engine_.load(); }
  /// Replaces the engine; decisions under way finish with the old one.
  void set(std::shared_ptr<const Engine> engine) { engine_.store(std::move(engine)); }

 private:
  SharedPointer<const Engine> engine_;
};

/// Whether the decision refuses; shadow layers do not count.
bool refused(const Decision& decision);
/// The first enforced step that refuses: its reply was sent. Null if none refused.
const Step* refusing_step(const Decision& decision);
/// The effect that gave the recipient its route. Null if it had one before, or got none.
const EffectNote* relay_grant(const Decision& decision);

}  // namespace postern::policy
