using System.Text;
using Grpc.Core;
using Rudder.Inference.V1;

namespace Rudder.Trainer.Rl;

/// <summary>Rewards P(label) of a classifier that a running inference service has loaded (<c>Scoring.Classify</c>).</summary>
/// <param name="service">The service; disposed with this.</param>
/// <param name="model">Name the classifier is loaded under.</param>
/// <param name="label">The label whose probability is the reward; null for the last one.</param>
internal sealed class ServiceReward(ServiceConnection service, string model, string? label) : IReward
{
    private const int MaxInputs = 1024;                     // the service's default limit of one call
    private readonly Inference.V1.Scoring.ScoringClient _scoring = new(service.Calls);

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) =>
        [
            .. ServiceConnection.Parts(rollouts.Select(rollout => rollout.Text), MaxInputs, Encoding.UTF8.GetByteCount)
                .SelectMany(texts => Classify(texts, stop)),
        ];

    public void Dispose() => service.Dispose();

    private IEnumerable<double> Classify(string[] texts, CancellationToken stop)
    {
        var request = new ClassifyRequest { Model = model, Inputs = { texts.Select(text => new ClassifyInput { Text = text }) } };
        ClassifyResponse response;
        try
        {
            response = service.Call(options => _scoring.ClassifyAsync(request, options), stop);
        }
        catch (RpcException failure)
        {
            throw new BadInputException(
                $"The service at {service.Address} refuses to classify with '{model}' ({failure.StatusCode}, {failure.Status.Detail}).", failure);
        }

        int index = label is null ? response.Labels.Count - 1 : response.Labels.IndexOf(label);
        return index >= 0 && response.Results.Count == texts.Length
            ? response.Results.Select(result => (double)result.Probabilities[index])
            : throw new BadInputException(
                $"'{model}' at {service.Address} has the labels {string.Join(", ", response.Labels)}; '{label}' is not among them.");
    }
}
