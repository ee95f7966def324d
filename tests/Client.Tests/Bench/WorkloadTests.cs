using System.Text.Json;
using Rudder.Client.Bench;

namespace Rudder.Client.Tests.Bench;

public sealed class WorkloadTests
{
    [Fact]
    public void Next_RandomIds_KeepVocabularyAndLengths()
    {
        Workload workload = new(null, new LengthRange(2, 5), 10, new LengthRange(3, 4), new Random(1));
        BenchRequest[] requests = [.. Enumerable.Range(0, 400).Select(_ => workload.Next())];
        Assert.All(requests, request => Assert.Null(request.Text));
        Assert.Equal([2, 3, 4, 5], requests.Select(request => request.Ids!.Length).Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 10), requests.SelectMany(request => request.Ids!).Distinct().Order());
        Assert.Equal([3, 4], requests.Select(request => request.MaxNewTokens).Distinct().Order());
        Assert.Equal(requests.Length, requests.Select(request => request.Seed).Distinct().Count());
    }

    [Fact]
    public void Next_SameSeed_SameRequests()
    {
        static string First(int seed)
        {
            Workload workload = BenchExample.Workload(seed);
            return JsonSerializer.Serialize(Enumerable.Range(0, 20).Select(_ => workload.Next()));
        }

        Assert.Equal(First(3), First(3));
        Assert.NotEqual(First(3), First(4));
    }

    [Fact]
    public void Next_Prompts_AreUsedInOrderAndAgain()
    {
        Workload workload = new(["a", "b", "c"], default, 0, new LengthRange(1, 1), new Random(0));
        BenchRequest[] requests = [.. Enumerable.Range(0, 5).Select(_ => workload.Next())];
        Assert.Equal(["a", "b", "c", "a", "b"], requests.Select(request => request.Text));
        Assert.All(requests, request => Assert.Null(request.Ids));
    }
}
