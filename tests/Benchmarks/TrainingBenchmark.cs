namespace Rudder.Benchmarks;

/// <summary>All figures of training in one run: the SFT step, the DPO step, and the rollouts and weight updates of REINFORCE.</summary>
internal static class TrainingBenchmark
{
    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        BenchmarkResult sft = Part("SFT", SftBenchmark.Run), dpo = Part("DPO", DpoBenchmark.Run), rollouts = Part("REINFORCE", RolloutBenchmark.Run);
        return new BenchmarkResult(
            "training",
            new Dictionary<string, double>
            {
                ["sft_m_vs_python_default"] = sft.Ratios["sft_m_vs_python_default"],
                ["sft_m_vs_python_tuned"] = sft.Ratios["sft_m_vs_python_tuned"],
                ["sft_s_vs_python_default"] = sft.Ratios["sft_vs_python"],
                ["sft_s_vs_python_tuned"] = sft.Ratios["sft_vs_python_huge_pages"],
                ["sft_m_share_of_products"] = sft.Ratios["sft_m_share_of_products"],
                ["sft_s_share_of_products"] = sft.Ratios["sft_s_share_of_products"],
                ["dpo_group_vs_pairs"] = dpo.Ratios["group_vs_pair"],
                ["rollout_vs_engine"] = rollouts.Ratios["rollout_vs_engine"],
                ["weight_update_share"] = rollouts.Ratios["weight_update_share"],
            },
            [.. new[] { sft, dpo, rollouts }.SelectMany(part => part.Rows)],
            new[] { sft, dpo, rollouts }
                .SelectMany(part => part.Settings.Select(setting => KeyValuePair.Create($"{part.Name} {setting.Key}", setting.Value)))
                .ToDictionary());
    }

    private static BenchmarkResult Part(string name, Func<BenchmarkResult> run)
    {
        Console.Error.WriteLine($"{name} ...");
        return run();
    }
}
