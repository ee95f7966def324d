using Rudder.Trainer.Data;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>PPO's value function: the blocks of a language model with a scalar head. It shares nothing with the policy.</summary>
/// <remarks>The head starts at 0, so that the first advantages are the returns themselves. The model's vocabulary product is not used.</remarks>
internal sealed class ValueModel : IDisposable
{
    /// <summary>Begins the names of its parameters.</summary>
    public const string Prefix = "value.";

    private readonly Linear _head;

    /// <summary>Puts a head on a model and takes ownership of it.</summary>
    public ValueModel(ILanguageModel trunk)
    {
        Trunk = trunk;
        _head = nn.Linear(trunk.Config.HiddenSize, 1, device: trunk.Device);
        using (no_grad())
        {
            _head.weight.zero_();
            _head.bias!.zero_();
        }

        Parameters =
        [
            .. trunk.Parameters.Select(parameter => parameter with { Name = Prefix + parameter.Name }),
            new NamedParameter(Prefix + "head.weight", _head.weight),
            new NamedParameter(Prefix + "head.bias", _head.bias!),
        ];
    }

    /// <summary>Every parameter; the names differ from the policy's.</summary>
    public IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>The language model under the head.</summary>
    public ILanguageModel Trunk { get; }

    /// <summary>V of the state before each completion token; carries the gradient unless the caller turns it off.</summary>
    /// <param name="rows">The completions with their prompts.</param>
    /// <returns>In units of reward. [N]</returns>
    public Tensor Values(PreferenceTensors rows)
    {
        Tensor hidden = Trunk.Hidden(rows.InputIds); // [B,T,D]
        Tensor states = hidden.reshape(-1, hidden.shape[2]).index_select(0, rows.Positions); // [B·T,D] -> [N,D]
        return _head.call(states).squeeze(1); // [N,1] -> [N]
    }

    /// <summary>Clears the gradients.</summary>
    public void zero_grad()
    {
        Trunk.zero_grad();
        _head.zero_grad();
    }

    public void Dispose()
    {
        Trunk.Dispose();
        _head.Dispose();
    }
}
