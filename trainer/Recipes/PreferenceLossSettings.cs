namespace Rudder.Trainer.Recipes;

/// <summary>The loss of a preference recipe with its numbers; those of another loss are refused, not ignored.</summary>
/// <param name="Loss">Name of the loss. Default "dpo".</param>
/// <param name="Beta">KL strength per nat (tokens per nat for simpo), above 0. Default 0.1.</param>
/// <param name="LabelSmoothing">cdpo, robust: probability that a label is wrong, 0 to below 0.5. Default 0.1.</param>
/// <param name="Gamma">simpo: reward margin aimed at, 0 or more. Default 0.5.</param>
/// <param name="Lambda">orpo: weight of the odds-ratio term, 0 or more. Default 0.1.</param>
/// <param name="LambdaDesirable">kto: weight of chosen completions, above 0. Default 1.</param>
/// <param name="LambdaUndesirable">kto: weight of rejected completions, above 0. Default 1.</param>
internal sealed record PreferenceLossSettings(
    string Loss = "dpo",
    double Beta = 0.1,
    double? LabelSmoothing = null,
    double? Gamma = null,
    double? Lambda = null,
    double? LambdaDesirable = null,
    double? LambdaUndesirable = null)
{
    /// <summary>ε of cdpo and robust.</summary>
    public double Smoothing => LabelSmoothing ?? 0.1;

    /// <summary>γ of simpo.</summary>
    public double TargetMargin => Gamma ?? 0.5;

    /// <summary>λ of orpo.</summary>
    public double OddsWeight => Lambda ?? 0.1;

    /// <summary>λ_D of kto.</summary>
    public double DesirableWeight => LambdaDesirable ?? 1;

    /// <summary>λ_U of kto.</summary>
    public double UndesirableWeight => LambdaUndesirable ?? 1;

    /// <summary>Refuses a value out of range and a setting that the loss does not have.</summary>
    /// <exception cref="BadInputException">Says which setting, its value, the range and what to do.</exception>
    public void Validate()
    {
        Require(double.IsFinite(Beta) && Beta > 0, "beta", Beta, "above 0 (the papers use 0.01 to 5); larger stays nearer the reference");
        CheckBelongs(LabelSmoothing, "label_smoothing", "cdpo", "robust");
        CheckBelongs(Gamma, "gamma", "simpo");
        CheckBelongs(Lambda, "lambda", "orpo");
        CheckBelongs(LambdaDesirable, "lambda_desirable", "kto");
        CheckBelongs(LambdaUndesirable, "lambda_undesirable", "kto");
        Require(Smoothing is >= 0 and < 0.5, "label_smoothing", Smoothing, "from 0 to below 0.5");
        Require(double.IsFinite(TargetMargin) && TargetMargin >= 0, "gamma", TargetMargin, "0 or more");
        Require(double.IsFinite(OddsWeight) && OddsWeight >= 0, "lambda", OddsWeight, "0 or more");
        Require(double.IsFinite(DesirableWeight) && DesirableWeight > 0, "lambda_desirable", DesirableWeight, "above 0");
        Require(double.IsFinite(UndesirableWeight) && UndesirableWeight > 0, "lambda_undesirable", UndesirableWeight, "above 0");
    }

    private static void Require(bool holds, string setting, double value, string range)
    {
        if (!holds)
        {
            throw new BadInputException(FormattableString.Invariant($"{setting} is {value}; give a number {range}."));
        }
    }

    private void CheckBelongs(double? value, string setting, params string[] losses)
    {
        if (value is not null && !losses.Contains(Loss))
        {
            throw new BadInputException(
                FormattableString.Invariant($"{setting} is {value}, but loss \"{Loss}\" has no such setting; {string.Join(" and ", losses)} have it. ")
                + "Leave it out or choose another loss.");
        }
    }
}
