using Grpc.Core;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>Clients that want answers: each compares what it gets with the known one and records what became of it.</summary>
internal sealed class LoadClient(LoadService service, KnownAnswers answers, Outcomes outcomes, TimeProvider time)
{
    /// <summary>Status of a request that was answered.</summary>
    public const string Good = "OK";

    // A request that takes longer hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Makes one request and records its end; never throws.</summary>
    /// <param name="kind">How the client behaves.</param>
    /// <param name="number">Which of the known requests.</param>
    public async Task RunAsync(ClientKind kind, int number)
    {
        long start = time.GetTimestamp();
        try
        {
            string? fault = await CallAsync(kind, number, time.GetUtcNow().UtcDateTime + Patience);
            outcomes.Ended(kind, Good, time.GetElapsedTime(start));
            if (fault is not null)
            {
                outcomes.Fault($"{kind}: {fault}");
            }
        }
        catch (RpcException refused)
        {
            outcomes.Ended(kind, refused.StatusCode.ToString(), time.GetElapsedTime(start));
            if (!IsAllowed(kind, refused.StatusCode))
            {
                outcomes.Fault($"{kind}: {refused.StatusCode}: {refused.Status.Detail}");
            }
        }
        catch (Exception broken)
        {
            // A dead connection has many faces; only the one who broke it may see them.
            outcomes.Ended(kind, broken.GetType().Name, time.GetElapsedTime(start));
            if (kind != ClientKind.Die)
            {
                outcomes.Fault($"{kind}: {broken.GetType().Name}: {broken.Message}");
            }
        }
    }

    private Task<string?> CallAsync(ClientKind kind, int number, DateTime deadline) => kind switch
    {
        ClientKind.Sample => SampleAsync(LoadModels.Policy, number, deadline),
        ClientKind.Swapped => SampleAsync(LoadModels.Swapped, number, deadline),
        ClientKind.Stream => StreamAsync(number, deadline),
        ClientKind.Classify => ClassifyAsync(number, deadline),
        ClientKind.LogProbs => LogProbsAsync(number, deadline),
        ClientKind.Divergence => DivergenceAsync(number, deadline),
        _ => new RudeClient(service, answers, time).CallAsync(kind, number, deadline),
    };

    private async Task<string?> SampleAsync(string model, int number, DateTime deadline)
    {
        var response = await service.Sampling.SampleAsync(answers.Requests.Sample(model, number), deadline: deadline);
        return answers.FaultOfSamples(model, number, response.Fingerprint, [.. response.Completions.Select(completion => completion.Ids)]);
    }

    private async Task<string?> StreamAsync(int number, DateTime deadline)
    {
        long start = time.GetTimestamp();
        List<int>[] drawn = [.. Enumerable.Range(0, KnownRequests.Samples).Select(_ => new List<int>())];
        string fingerprint = "";
        bool first = true;
        using var call = service.Sampling.SampleStream(answers.Requests.Sample(LoadModels.Policy, number), deadline: deadline);
        await foreach (var next in call.ResponseStream.ReadAllAsync())
        {
            if (next.Token is { } token)
            {
                drawn[token.SampleIndex].Add(token.Id);
                if (first)
                {
                    outcomes.FirstToken(time.GetElapsedTime(start));
                    first = false;
                }
            }
            else if (next.Finished is { } finished && !finished.Ids.SequenceEqual(drawn[finished.SampleIndex]))
            {
                return "a completion is not the sum of its tokens";
            }

            fingerprint = next.End?.Fingerprint ?? fingerprint;
        }

        return answers.FaultOfSamples(LoadModels.Policy, number, fingerprint, drawn);
    }

    private async Task<string?> ClassifyAsync(int number, DateTime deadline) =>
        answers.FaultOf(number, await service.Scoring.ClassifyAsync(answers.Requests.Classify(number), deadline: deadline));

    private async Task<string?> LogProbsAsync(int number, DateTime deadline) =>
        answers.FaultOf(number, await service.Scoring.LogProbsAsync(answers.Requests.LogProbs(LoadModels.Policy, number), deadline: deadline));

    private async Task<string?> DivergenceAsync(int number, DateTime deadline) =>
        answers.FaultOf(number, await service.Scoring.DivergenceAsync(answers.Requests.Divergence(number), deadline: deadline));

    // An overloaded service may refuse anybody; what else may happen, the client has asked for.
    private static bool IsAllowed(ClientKind kind, StatusCode status) => status == StatusCode.ResourceExhausted || kind switch
    {
        ClientKind.Die => true,
        ClientKind.Cancel or ClientKind.Deadline => status is StatusCode.Cancelled or StatusCode.DeadlineExceeded,
        _ => false,
    };
}
