using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Rl;

/// <summary>Rewards from an HTTP endpoint: POST <c>{"prompts": […], "completions": […]}</c> gives <c>{"rewards": […]}</c>.</summary>
internal sealed class HttpReward : IReward
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.Strict };
    private readonly HttpClient _client;
    private readonly Uri _address;
    private readonly int _retries;
    private readonly TimeProvider _time;

    /// <summary>Opens a client; nothing is sent until the first call.</summary>
    /// <param name="address">The endpoint.</param>
    /// <param name="timeout">Limit of one attempt.</param>
    /// <param name="retries">Attempts after the first, on a failed connection, a timeout, status 408, 429 or 5xx.</param>
    /// <param name="time">Clock of the waits between attempts.</param>
    public HttpReward(Uri address, TimeSpan timeout, int retries, TimeProvider time)
    {
        (_address, _retries, _time) = (address, retries, time);
        _client = new HttpClient { Timeout = timeout };
    }

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop)
    {
        var request = new Request(
            [.. rollouts.Select(rollout => rollout.Prompt.Text)], [.. rollouts.Select(rollout => rollout.Completion)]);
        double[] rewards = PostAsync(request, stop).GetAwaiter().GetResult();
        return rewards.Length == rollouts.Count
            ? rewards
            : throw Refused(FormattableString.Invariant($"answered {rewards.Length} rewards for {rollouts.Count} completions"));
    }

    public void Dispose() => _client.Dispose();

    private async Task<double[]> PostAsync(Request request, CancellationToken stop)
    {
        try
        {
            return await Retries.Build(_retries, _time, IsTransient, stop)
                .ExecuteAsync(async token => await AnswerAsync(request, token));
        }
        catch (Exception failure) when (IsTransient(failure))
        {
            throw new UnavailableException($"The reward endpoint {_address} does not answer ({failure.Message}).", failure);
        }
    }

    private async ValueTask<double[]> AnswerAsync(Request request, CancellationToken token)
    {
        using HttpResponseMessage response = await _client.PostAsJsonAsync(_address, request, Strict, token);
        if (!response.IsSuccessStatusCode)
        {
            var failure = new HttpRequestException($"status {(int)response.StatusCode}", null, response.StatusCode);
            if (IsTransient(failure))
            {
                throw failure;
            }

            throw Refused($"answered {failure.Message}", failure);
        }

        try
        {
            Answer? answer = await response.Content.ReadFromJsonAsync<Answer>(Strict, token);
            return answer?.Rewards ?? throw Refused("answered no rewards");
        }
        catch (JsonException wrong) // NaN and infinity have no JSON number, so they end here
        {
            throw Refused($"answered something else ({wrong.Message})", wrong);
        }
    }

    private WorkFailedException Refused(string what, Exception? inner = null) =>
        new(
            $"The reward endpoint {_address} {what}. It takes {{\"prompts\", \"completions\"}} and answers "
            + "{\"rewards\": [one finite number per completion]}.",
            inner);

    private static bool IsTransient(Exception? failure) => failure switch
    {
        HttpRequestException { StatusCode: null } => true, // no connection
        HttpRequestException { StatusCode: HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests } => true,
        HttpRequestException { StatusCode: { } status } => (int)status >= 500,
        TaskCanceledException => true, // the attempt's timeout
        _ => false,
    };

    private sealed record Request(string[] Prompts, string[] Completions);

    private sealed record Answer(double[]? Rewards);
}
