using Grpc.Core;
using Grpc.Net.Client;
using Rudder.Inference.V1;

namespace Rudder.Trainer.Rl;

/// <summary>Rewards P(label) of a classifier that a running inference service has loaded (<c>Scoring.Classify</c>).</summary>
internal sealed class ServiceReward : IReward
{
    private const int MaxInputs = 1024;                     // the service's default limit of one call
    private readonly GrpcChannel _channel;
    private readonly Inference.V1.Scoring.ScoringClient _scoring;
    private readonly int _retries;
    private readonly Uri _address;
    private readonly string _model;
    private readonly string? _label;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    /// <summary>Opens a channel; nothing is sent until the first call.</summary>
    /// <param name="address">The service.</param>
    /// <param name="model">Name the classifier is loaded under.</param>
    /// <param name="label">The label whose probability is the reward; null for the last one.</param>
    /// <param name="timeout">Deadline of one attempt.</param>
    /// <param name="retries">Attempts after the first, on UNAVAILABLE, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED.</param>
    /// <param name="time">Clock.</param>
    public ServiceReward(Uri address, string model, string? label, TimeSpan timeout, int retries, TimeProvider time)
    {
        (_address, _model, _label, _timeout, _retries, _time) = (address, model, label, timeout, retries, time);
        _channel = GrpcChannel.ForAddress(address);
        _scoring = new Inference.V1.Scoring.ScoringClient(_channel);
    }

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) =>
    [
        .. rollouts.Select(rollout => rollout.Text)
            .Chunk(MaxInputs)
            .SelectMany(texts => ClassifyAsync(texts, stop).GetAwaiter().GetResult()),
    ];

    public void Dispose() => _channel.Dispose();

    private async Task<IEnumerable<double>> ClassifyAsync(string[] texts, CancellationToken stop)
    {
        var request = new ClassifyRequest { Model = _model, Inputs = { texts.Select(text => new ClassifyInput { Text = text }) } };
        ClassifyResponse response;
        try
        {
            response = await RewardRetries.Build(_retries, _time, IsTransient, stop).ExecuteAsync(
                async token => await _scoring.ClassifyAsync(
                    request, deadline: _time.GetUtcNow().UtcDateTime + _timeout, cancellationToken: token));
        }
        catch (RpcException failure) when (IsTransient(failure))
        {
            throw new RewardUnavailableException(
                $"The service at {_address} does not answer ({failure.StatusCode}, {failure.Status.Detail}).", failure);
        }
        catch (RpcException failure)
        {
            throw new BadInputException(
                $"The service at {_address} refuses to classify with '{_model}' ({failure.StatusCode}, {failure.Status.Detail}).", failure);
        }

        int label = _label is null ? response.Labels.Count - 1 : response.Labels.IndexOf(_label);
        return label >= 0 && response.Results.Count == texts.Length
            ? response.Results.Select(result => (double)result.Probabilities[label])
            : throw new BadInputException(
                $"'{_model}' at {_address} has the labels {string.Join(", ", response.Labels)}; '{_label}' is not among them.");
    }

    private static bool IsTransient(Exception? failure) =>
        failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded };
}
