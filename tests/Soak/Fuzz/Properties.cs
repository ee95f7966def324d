using FsCheck;
using FsCheck.Fluent;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Checks a property on generated values, the same ones in every run.</summary>
internal static class Properties
{
    private const int Cases = 1_000;
    private const ulong Seed = 20_261_122;
    private const ulong Gamma = 0x9E3779B97F4A7C15; // odd, as the generator wants it

    /// <summary>Fails, naming the value, where <paramref name="check"/> throws.</summary>
    /// <param name="values">What is generated.</param>
    /// <param name="check">Throws where the property does not hold.</param>
    public static void Hold<T>(Gen<T> values, Action<T> check) => Prop
        .ForAll(Arb.From(values), value =>
        {
            check(value);
            return true;
        })
        .Check(Config.QuickThrowOnFailure.WithMaxTest(Cases).WithReplay(Seed, Gamma));

    /// <summary>A generator over the hostile values of the fuzzers.</summary>
    /// <param name="value">Makes one.</param>
    public static Gen<T> Hostile<T>(Func<HostileValues, T> value) =>
        Gen.Choose(0, int.MaxValue - 1).Select(seed => value(new HostileValues(new System.Random(seed))));
}
